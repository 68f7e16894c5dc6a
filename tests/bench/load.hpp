#pragma once
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

namespace load {

using Clock = std::chrono::steady_clock;

// The first byte of every connection says what the server is to do with it. A record of TLS before
// it is dropped: relays are to read that.
constexpr char kEcho = 'E';  // send everything back
constexpr char kSink =
    'S';  // read to the end, then answer with the number of bytes (8, host order)
constexpr char kRecord = 22;
constexpr char kSource = 'G';  // send for ever

constexpr std::size_t kBlock = 256 * 1024;

struct Options {
  std::string role;
  sockaddr_in address{};  // where to listen, or whom to connect to
  sockaddr_in source{};   // clients: bound to when given
  std::string key;        // sign with TCP-MD5 when not empty
  sockaddr_in key_peer{};
  unsigned key_prefix = 8;  // server: the addresses that must sign
  unsigned connections = 1;
  double seconds = 1;
  std::string first;  // clients: bytes to begin each connection with, a ClientHello
  bool down = false;  // stream: from the server to the client
};

// Owns one socket.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() { reset(); }
  void reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  int get() const { return fd_; }

 private:
  int fd_ = -1;
};

[[noreturn]] inline void die(const char* what) {
  std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, std::strerror(errno));
  std::exit(1);
}

inline int need(int result, const char* what) {
  if (result < 0) die(what);
  return result;
}

inline double since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// TCP-MD5 (RFC 2385) with whoever is in peer/prefix.
void sign(int fd, const sockaddr_in& peer, unsigned prefix, const std::string& key);
Socket listener(const Options& options);
// Blocking; `flags` may hold SOCK_NONBLOCK, then the connection may still be under way.
Socket connect_to(const Options& options, int flags = 0);
void send_all(int fd, const void* data, std::size_t size);
void receive_all(int fd, void* data, std::size_t size);
unsigned processors();

int serve(const Options& options);
int stream(const Options& options);
int ping(const Options& options);
int connect_rate(const Options& options);
int idle(const Options& options);

}  // namespace load

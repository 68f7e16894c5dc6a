// The sockets of `load`, signed with TCP-MD5 (RFC 2385) when there is a key: the client for the one
// address it dials, the server for a prefix. Independent of the program under test.
#include <linux/tcp.h>

#include <algorithm>
#include <thread>

#include "load.hpp"

namespace load {

namespace {

void set(int fd, int level, int option, int value, const char* what) {
  need(setsockopt(fd, level, option, &value, sizeof value), what);
}

Socket tcp(int flags) {
  return Socket(need(socket(AF_INET, SOCK_STREAM | flags, 0), "socket"));
}

const sockaddr* generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

}  // namespace

void sign(int fd, const sockaddr_in& peer, unsigned prefix, const std::string& key) {
  tcp_md5sig request{};
  sockaddr_in address = peer;
  address.sin_port = 0;
  std::memcpy(&request.tcpm_addr, &address, sizeof address);
  request.tcpm_flags = TCP_MD5SIG_FLAG_PREFIX;
  request.tcpm_prefixlen = static_cast<__u8>(prefix);
  request.tcpm_keylen = static_cast<__u16>(key.size());
  std::memcpy(request.tcpm_key, key.data(), std::min(key.size(), sizeof request.tcpm_key));
  need(setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, &request, sizeof request), "TCP_MD5SIG_EXT");
}

Socket listener(const Options& options) {
  Socket result = tcp(SOCK_NONBLOCK);
  set(result.get(), SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
  if (!options.key.empty()) sign(result.get(), options.key_peer, options.key_prefix, options.key);
  need(bind(result.get(), generic(options.address), sizeof options.address), "bind");
  need(listen(result.get(), 4096), "listen");
  return result;
}

Socket connect_to(const Options& options, int flags) {
  Socket result = tcp(flags);
  set(result.get(), IPPROTO_TCP, TCP_NODELAY, 1, "TCP_NODELAY");
  if (!options.key.empty()) sign(result.get(), options.address, 32, options.key);
  if (options.source.sin_family != 0) {
    set(result.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1, "IP_BIND_ADDRESS_NO_PORT");
    need(bind(result.get(), generic(options.source), sizeof options.source), "bind");
  }
  if (connect(result.get(), generic(options.address), sizeof options.address) < 0 &&
      errno != EINPROGRESS) {
    die("connect");
  }
  return result;
}

void send_all(int fd, const void* data, std::size_t size) {
  auto* next = static_cast<const char*>(data);
  while (size != 0) {
    ssize_t done = send(fd, next, size, MSG_NOSIGNAL);
    if (done < 0 && errno == EAGAIN) {
      pollfd wait{fd, POLLOUT, 0};
      need(poll(&wait, 1, -1), "poll");
      continue;
    }
    if (done < 0) die("send");
    next += done;
    size -= static_cast<std::size_t>(done);
  }
}

void receive_all(int fd, void* data, std::size_t size) {
  auto* next = static_cast<char*>(data);
  while (size != 0) {
    ssize_t done = recv(fd, next, size, 0);
    if (done < 0) die("recv");
    if (done == 0) {
      std::fprintf(stderr, "load: the connection ended %zu bytes too early\n", size);
      std::exit(1);
    }
    next += done;
    size -= static_cast<std::size_t>(done);
  }
}

unsigned processors() {
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace load

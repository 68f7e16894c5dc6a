// `load server`: does with each connection what its first byte says, on one thread a processor.
#include <sys/epoll.h>

#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "load.hpp"

namespace load {

namespace {

struct Connection {
  Socket socket;
  char mode = 0;
  std::size_t skip = 0;  // so much of a TLS record is still to come
  std::uint64_t bytes = 0;
};

class Worker {
 public:
  Worker() : epoll_(need(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")), block_(kBlock) {}

  // May be called by another thread: from then on the connection is this worker's.
  void take(Socket socket) {
    auto connection = std::make_unique<Connection>();
    connection->socket = std::move(socket);
    watch(EPOLL_CTL_ADD, connection.release(), EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 64> events;
    for (;;) {
      int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      if (count < 0 && errno != EINTR) die("epoll_wait");
      for (int i = 0; i < count; ++i) {
        auto* connection = static_cast<Connection*>(events[static_cast<std::size_t>(i)].data.ptr);
        if (!serve_once(*connection)) delete connection;
      }
    }
  }

 private:
  void watch(int operation, Connection* connection, std::uint32_t what) {
    epoll_event event{};
    event.events = what;
    event.data.ptr = connection;
    need(epoll_ctl(epoll_.get(), operation, connection->socket.get(), &event), "epoll_ctl");
  }

  // False when the connection is over.
  bool serve_once(Connection& connection) {
    int fd = connection.socket.get();
    if (connection.mode == kSource) {
      return send(fd, block_.data(), block_.size(), MSG_NOSIGNAL) >= 0 || errno == EAGAIN;
    }
    ssize_t got = recv(fd, block_.data(), block_.size(), 0);
    if (got < 0) return errno == EAGAIN;
    if (got == 0) {
      std::uint64_t bytes = connection.bytes;
      if (connection.mode == kSink) (void)send(fd, &bytes, sizeof bytes, MSG_NOSIGNAL);
      return false;
    }
    const char* data = block_.data();
    auto size = static_cast<std::size_t>(got);
    if (connection.mode == 0 && connection.skip == 0 && *data == kRecord && size >= 5)
      connection.skip = 5 + static_cast<std::size_t>(static_cast<unsigned char>(data[3]) << 8 |
                                                     static_cast<unsigned char>(data[4]));
    const std::size_t dropped = std::min(connection.skip, size);
    connection.skip -= dropped;
    data += dropped;
    size -= dropped;
    if (size == 0) return true;
    if (connection.mode == 0) {
      connection.mode = *data++;
      --size;
      if (connection.mode == kSource) watch(EPOLL_CTL_MOD, &connection, EPOLLOUT);
    }
    connection.bytes += size;
    while (connection.mode == kEcho && size != 0) {
      ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) return false;
      data += std::max<ssize_t>(sent, 0);
      size -= static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    }
    return true;
  }

  Socket epoll_;
  std::vector<char> block_;
};

}  // namespace

int serve(const Options& options) {
  Socket door = listener(options);
  std::deque<Worker> workers(processors());
  std::vector<std::jthread> threads;
  for (Worker& worker : workers) threads.emplace_back([&worker] { worker.run(); });
  std::puts(R"({"role": "server"})");
  std::fflush(stdout);
  for (std::size_t next = 0;; next = (next + 1) % workers.size()) {
    pollfd wait{door.get(), POLLIN, 0};
    need(poll(&wait, 1, -1), "poll");
    int fd = accept4(door.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) workers[next].take(Socket(fd));
  }
}

}  // namespace load

// The clients of `load`. Each prints one JSON object on one line. What must be exact is checked:
// the bytes a sink counted are the bytes sent, what an echo returns is what was sent.
#include <sys/epoll.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "load.hpp"

namespace load {

namespace {

Socket open_epoll() {
  return Socket(need(epoll_create1(EPOLL_CLOEXEC), "epoll_create1"));
}

void watch(const Socket& epoll, int operation, int fd, std::uint32_t what, std::size_t tag) {
  epoll_event event{};
  event.events = what;
  event.data.u64 = tag;
  need(epoll_ctl(epoll.get(), operation, fd, &event), "epoll_ctl");
}

template <class Handle>
void until(Clock::time_point end, const Socket& epoll, Handle handle) {
  std::array<epoll_event, 64> events;
  while (Clock::now() < end) {
    int count = epoll_wait(epoll.get(), events.data(), static_cast<int>(events.size()), 100);
    if (count < 0 && errno != EINTR) die("epoll_wait");
    for (int i = 0; i < count; ++i) handle(events[static_cast<std::size_t>(i)]);
  }
}

void say(const Options& options, int fd, std::string mode) {
  const std::string bytes = options.first + std::move(mode);
  send_all(fd, bytes.data(), bytes.size());
}

void print_times(std::vector<double>& micros) {
  auto at = [&micros](double share) {
    auto index = static_cast<std::size_t>(share * static_cast<double>(micros.size() - 1));
    std::nth_element(micros.begin(), micros.begin() + static_cast<std::ptrdiff_t>(index),
                     micros.end());
    return micros[index];
  };
  std::printf(R"("p50_us": %.2f, "p99_us": %.2f})"
              "\n",
              at(0.50), at(0.99));
}

// One thread's share of a stream: all its connections at once, for `seconds`; returns the bytes
// that arrived.
std::uint64_t stream_some(const Options& options, std::size_t count) {
  struct Stream {
    Socket socket;
    std::uint64_t bytes = 0;
  };
  std::vector<Stream> streams(count);
  std::vector<char> block(kBlock, 'x');
  Socket epoll = open_epoll();
  for (std::size_t i = 0; i < count; ++i) {
    streams[i].socket = connect_to(options);
    int fd = streams[i].socket.get();
    say(options, fd, {options.down ? kSource : kSink});
    watch(epoll, EPOLL_CTL_ADD, fd, options.down ? EPOLLIN : EPOLLOUT, i);
  }
  auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                std::chrono::duration<double>(options.seconds));
  until(end, epoll, [&](const epoll_event& event) {
    Stream& one = streams[event.data.u64];
    ssize_t done = options.down ? recv(one.socket.get(), block.data(), block.size(), MSG_DONTWAIT)
                                : send(one.socket.get(), block.data(), block.size(),
                                       MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done > 0) one.bytes += static_cast<std::uint64_t>(done);
    if (done == 0 || (done < 0 && errno != EAGAIN)) die("stream");
  });
  std::uint64_t total = 0;
  for (Stream& one : streams) {
    if (!options.down) need(shutdown(one.socket.get(), SHUT_WR), "shutdown");
  }
  for (Stream& one : streams) {
    std::uint64_t arrived = one.bytes;
    if (!options.down) receive_all(one.socket.get(), &arrived, sizeof arrived);
    if (arrived != one.bytes) {
      std::fprintf(stderr, "load: %llu bytes sent, %llu arrived\n",
                   static_cast<unsigned long long>(one.bytes),
                   static_cast<unsigned long long>(arrived));
      std::exit(1);
    }
    total += arrived;
  }
  return total;
}

}  // namespace

int stream(const Options& options) {
  std::size_t threads = std::min(options.connections, processors());
  std::atomic<std::uint64_t> bytes = 0;
  auto start = Clock::now();
  {
    std::vector<std::jthread> workers;
    for (std::size_t i = 0; i < threads; ++i) {
      std::size_t share = options.connections / threads + (i < options.connections % threads);
      workers.emplace_back([&options, &bytes, share] { bytes += stream_some(options, share); });
    }
  }
  double seconds = since(start);
  auto total = static_cast<double>(bytes.load());
  std::printf(
      R"({"role": "stream", "connections": %u, "seconds": %.4f, "bytes": %.0f, "bytes_per_s": %.0f})"
      "\n",
      options.connections, seconds, total, total / seconds);
  return 0;
}

int ping(const Options& options) {
  constexpr std::size_t kWarmUp = 500;
  Socket socket = connect_to(options);
  say(options, socket.get(), {kEcho});
  std::array<char, 64> out{}, in{};
  std::vector<double> micros;
  auto start = Clock::now();
  for (std::size_t i = 0; i < kWarmUp || since(start) < options.seconds; ++i) {
    std::memcpy(out.data(), &i, sizeof i);
    auto sent = Clock::now();
    send_all(socket.get(), out.data(), out.size());
    receive_all(socket.get(), in.data(), in.size());
    if (i >= kWarmUp) micros.push_back(since(sent) * 1e6);
    if (in != out) {
      std::fputs("load: the echo is not what was sent\n", stderr);
      return 1;
    }
  }
  if (micros.empty()) return 1;
  std::printf(R"({"role": "ping", "rounds": %zu, )", micros.size());
  print_times(micros);
  return 0;
}

int connect_rate(const Options& options) {
  std::vector<Socket> slots(options.connections);
  std::vector<Clock::time_point> begun(options.connections);
  std::vector<double> micros;
  const std::string question = options.first + std::string{kEcho, 'x'};
  std::uint64_t done = 0, failed = 0;
  Socket epoll = open_epoll();
  auto dial = [&](std::size_t i) {
    begun[i] = Clock::now();
    slots[i] = connect_to(options, SOCK_NONBLOCK);
    watch(epoll, EPOLL_CTL_ADD, slots[i].get(), EPOLLOUT, i);
  };
  auto again = [&](std::size_t i, std::uint64_t& counter) {
    ++counter;
    slots[i].reset();
    dial(i);
  };
  auto start = Clock::now();
  for (std::size_t i = 0; i < slots.size(); ++i) dial(i);
  auto end = start + std::chrono::duration_cast<Clock::duration>(
                         std::chrono::duration<double>(options.seconds));
  until(end, epoll, [&](const epoll_event& event) {
    std::size_t i = event.data.u64;
    int fd = slots[i].get();
    if ((event.events & EPOLLOUT) != 0) {
      if (send(fd, question.data(), question.size(), MSG_NOSIGNAL) != std::ssize(question))
        return again(i, failed);
      return watch(epoll, EPOLL_CTL_MOD, fd, EPOLLIN, i);
    }
    char answer = 0;
    const bool good = recv(fd, &answer, 1, 0) == 1 && answer == 'x';
    if (good) micros.push_back(since(begun[i]) * 1e6);
    again(i, good ? done : failed);
  });
  double seconds = since(start);
  if (micros.empty()) micros.push_back(0);
  std::printf(R"({"role": "connect", "done": %llu, "failed": %llu, "per_s": %.1f, )",
              static_cast<unsigned long long>(done), static_cast<unsigned long long>(failed),
              static_cast<double>(done) / seconds);
  print_times(micros);
  return 0;
}

int idle(const Options& options) {
  std::vector<Socket> held;
  auto start = Clock::now();
  for (unsigned i = 0; i < options.connections; ++i) {
    held.push_back(connect_to(options));
    say(options, held.back().get(), {kEcho, 'x'});
    char answer = 0;
    receive_all(held.back().get(), &answer, 1);
  }
  std::printf(R"({"role": "idle", "connections": %u, "up_s": %.3f})"
              "\n",
              options.connections, since(start));
  std::fflush(stdout);
  while (std::getchar() != EOF) {
  }
  return 0;
}

}  // namespace load

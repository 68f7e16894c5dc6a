// The connections of a farm's sessions: accepted, dialled, ended.
#include <linux/tcp.h>
#include <sys/epoll.h>

#include "farm_sessions.hpp"

namespace farm {

namespace {

constexpr double kPatience = 10;  // seconds for a connection to become Established
// Once for the whole life of a connection: edge-triggered, no change of what is waited for.
constexpr std::uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

void no_delay(int fd) {
  int on = 1;
  load::need(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
}

}  // namespace

void Sessions::accept_from(unsigned index) {
  const int listener = listeners_[index].get();
  for (int i = settings_.one_listener ? 256 : 1; i-- != 0;) {
    int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) return;
    if (settings_.one_listener) index = settings_.session_of(fd);
    if (index < sessions_.size()) {
      adopt(index, fd);
    } else {
      ::close(fd);
    }
  }
}

void Sessions::adopt(unsigned index, int fd) {
  close(index);  // the far side has begun anew
  no_delay(fd);
  sessions_[index].fd = fd;
  watch(fd, kEvents, index);
  connected(index);
}

void Sessions::dial(unsigned index) {
  Session& session = sessions_[index];
  if (session.fd >= 0) return;
  Side side = settings_.side(index);
  int fd = load::need(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");
  no_delay(fd);
  if (side.key != nullptr) load::sign(fd, side.remote, 32, *side.key);
  int on = 1;
  sockaddr_in from = side.local;
  from.sin_port = 0;
  load::need(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on), "no port");
  load::need(bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from), "bind");
  session.fd = fd;
  session.state = State::connecting;
  watch(fd, kEvents, index);
  arm(index, kPatience);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&side.remote), sizeof side.remote) < 0 &&
      errno != EINPROGRESS) {
    close(index);
  }
}

void Sessions::connected(unsigned index) {
  Session& session = sessions_[index];
  int error = 0;
  socklen_t size = sizeof error;
  if (session.state == State::connecting &&
      (getsockopt(session.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || error != 0)) {
    return close(index);
  }
  session.state = State::opening;
  session.heard = tick_;
  arm(index, kPatience);
  Side side = settings_.side(index);
  std::string open = open_message(side.as, settings_.hold, side.identifier);
  say(index, open.data(), open.size());
}

void Sessions::say(unsigned index, const void* data, std::size_t size) {
  ssize_t sent = send(sessions_[index].fd, data, size, MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(size)) close(index);  // or it does not read: as good as gone
}

void Sessions::close(unsigned index, bool by_reset) {
  Session& session = sessions_[index];
  if (session.fd < 0) return;
  if (session.state == State::established) {
    --established_;
    if (!by_reset) ++counts_.lost;
  }
  if (by_reset) {
    linger now{1, 0};
    load::need(setsockopt(session.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now), "SO_LINGER");
  }
  ::close(session.fd);
  std::uint32_t due = session.due;
  session = Session{};
  session.due = due;
  // Only who dials comes back by itself; the timer of the others means nothing now.
  if (settings_.side(index).dials) {
    arm(index, settings_.redial);
  } else {
    session.due = 0;
  }
}

void Sessions::drop_all() {
  for (unsigned i = 0; i < sessions_.size(); ++i) close(i, true);
}

}  // namespace farm

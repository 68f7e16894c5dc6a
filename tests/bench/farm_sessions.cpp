// The sessions of a farm: a minimal BGP speaker (RFC 4271), far smaller than its section 8, but one
// that keeps to it. One thread, one epoll, a timer wheel. Called by farm.cpp and farm_pass.cpp.
#include "farm_sessions.hpp"

#include <arpa/inet.h>
#include <sys/epoll.h>

namespace farm {

namespace {

constexpr std::uint64_t kListener = 1ULL << 32, kWake = 1ULL << 33;
constexpr std::size_t kDialsAtOnce = 64;

}  // namespace

Sessions::Sessions(Settings settings)
    : settings_(std::move(settings)),
      sessions_(settings_.sessions),
      epoll_(load::need(epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      buffer_(256 * 1024),
      wheel_(kSlots) {}

Sessions::~Sessions() {
  for (Session& session : sessions_) {
    if (session.fd >= 0) ::close(session.fd);
  }
}

void Sessions::watch(int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  load::need(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
}

void Sessions::listen() {
  for (unsigned i = 0; i < settings_.sessions; ++i) {
    Side side = settings_.side(i);
    if (side.dials) continue;
    load::Options options;
    options.address = side.local;
    if (settings_.any_address) options.address.sin_addr.s_addr = INADDR_ANY;
    options.key_peer = side.remote;
    options.key_prefix = side.remote_prefix;
    if (side.key != nullptr) options.key = *side.key;
    listeners_.push_back(load::listener(options));
    watch(listeners_.back().get(), EPOLLIN, kListener | i);
    if (settings_.one_listener) break;
  }
}

void Sessions::wake_on(int fd) {
  watch(fd, EPOLLIN, kWake);
}

void Sessions::start() {
  for (unsigned i = settings_.sessions; i-- != 0;) {
    if (settings_.side(i).dials) to_dial_.push_back(i);
  }
}

bool Sessions::run(Clock::time_point end, const std::function<bool()>& done) {
  std::array<epoll_event, 256> events;
  while (!done()) {
    auto now = Clock::now();
    if (now >= end) return false;
    for (std::size_t i = 0; i < kDialsAtOnce && !to_dial_.empty(); ++i) {
      unsigned index = to_dial_.back();
      to_dial_.pop_back();
      dial(index);
    }
    int wait = busy || !to_dial_.empty() ? 0 : patience(end);
    int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    if (count < 0 && errno != EINTR) load::die("epoll_wait");
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.u64 == kWake) {
        woken = true;
      } else {
        handle(event.data.u64, event.events);
      }
    }
    advance();
  }
  return true;
}

// Milliseconds until `end` or the next timer, whichever is sooner.
int Sessions::patience(Clock::time_point end) const {
  std::uint32_t tick = tick_ + 1;
  while (tick < tick_ + 100 && wheel_[tick % kSlots].empty()) ++tick;
  double timer = tick * kTick - load::since(origin_);
  double left = std::chrono::duration<double>(end - Clock::now()).count();
  return static_cast<int>(std::max(0.0, std::min(timer, left)) * 1000) + 1;
}

void Sessions::handle(std::uint64_t tag, std::uint32_t events) {
  auto index = static_cast<unsigned>(tag & 0xffffffff);
  if ((tag & kListener) != 0) return accept_from(index);
  Session& session = sessions_[index];
  // Connections that ended in this very round are still among its events.
  if (session.fd < 0) return;
  if (session.state == State::connecting) {
    if ((events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) == 0) return;
    connected(index);
    if (session.fd < 0) return;
  }
  if ((events & EPOLLIN) != 0) receive(index, (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
  if ((events & EPOLLIN) == 0 && (events & (EPOLLHUP | EPOLLERR)) != 0) close(index);
  if ((events & EPOLLOUT) != 0 && session.fd >= 0 && on_writable) on_writable(index);
}

void Sessions::receive(unsigned index, bool ended) {
  Session& session = sessions_[index];
  for (;;) {
    std::size_t have = 0;
    if (session.rest) {
      have = session.rest->size();
      std::memcpy(buffer_.data(), session.rest->data(), have);
      session.rest.reset();
    }
    ssize_t got = recv(session.fd, buffer_.data() + have, buffer_.size() - have, 0);
    if (got <= 0 && !(got < 0 && errno == EAGAIN)) return close(index);
    std::size_t room = buffer_.size() - have;
    std::size_t size = have + static_cast<std::size_t>(std::max<ssize_t>(got, 0)), at = 0;
    for (;;) {
      Message message = parse(buffer_.data() + at, size - at);
      if (message.type == 0) {
        errno = EPROTO;
        load::die("a message of the far side");
      }
      if (message.size == 0) break;
      at += message.size;
      if (!take(index, message)) return close(index);
    }
    if (at < size) {
      session.rest =
          std::make_unique<std::string>(buffer_.begin() + static_cast<std::ptrdiff_t>(at),
                                        buffer_.begin() + static_cast<std::ptrdiff_t>(size));
    }
    // Edge-triggered: a short read is the end of what there was, unless the end itself follows.
    if (got < 0 || (static_cast<std::size_t>(got) < room && !ended)) return;
  }
}

// False when the connection is over.
bool Sessions::take(unsigned index, const Message& message) {
  Session& session = sessions_[index];
  session.heard = tick_;
  if (message.type == kNotification) {
    if (complaints_++ < 3 && message.size >= kHeader + 2) {
      std::fprintf(stderr, "farm: session %u: NOTIFICATION %u/%u\n", index, message.bytes[kHeader],
                   message.bytes[kHeader + 1]);
    }
    return false;
  }
  if (session.state == State::opening) {
    if (message.type != kOpen) return false;
    session.state = State::confirming;
    say(index, kKeepaliveMessage.data(), kHeader);
    return session.fd >= 0;
  }
  if (session.state == State::confirming) {
    if (message.type != kKeepalive) return false;
    session.state = State::established;
    ++established_;
    if (all_up()) last_up_ = Clock::now();
    arm(index, until_keepalive());
    return true;
  }
  if (message.type == kKeepalive) ++counts_.keepalives_received;
  if (message.type == kUpdate) {
    ++counts_.updates;
    if (on_update) on_update(index, message);
  }
  return message.type != kOpen;
}

// A KEEPALIVE's jitter: RFC 4271 section 10
double Sessions::until_keepalive() {
  return settings_.hold / 3.0 * std::uniform_real_distribution<double>(0.75, 1)(random_);
}

std::uint32_t Sessions::tick_now() const {
  return static_cast<std::uint32_t>(load::since(origin_) / kTick);
}

void Sessions::arm(unsigned index, double seconds) {
  // From now, not from tick_: that stands still while there is nothing to do.
  auto ticks = std::min(static_cast<std::size_t>(seconds / kTick), kSlots - 1000);
  sessions_[index].due = tick_now() + 1 + static_cast<std::uint32_t>(ticks);
  wheel_[sessions_[index].due % kSlots].push_back(index);
}

void Sessions::advance() {
  for (std::uint32_t now = tick_now(); tick_ < now;) {
    ++tick_;
    // No timer is set into the slot that is being worked off: that would be a whole turn away.
    std::vector<std::uint32_t>& slot = wheel_[tick_ % kSlots];
    for (std::uint32_t index : slot) {
      Session& session = sessions_[index];
      if (session.due != tick_) continue;  // set anew since
      if (session.state == State::idle) {
        to_dial_.push_back(index);
      } else if (session.state != State::established ||
                 tick_ - session.heard > settings_.hold / kTick) {
        close(index);
      } else if (session.mid_message) {
        arm(index, 0);
      } else {
        say(index, kKeepaliveMessage.data(), kHeader);
        ++counts_.keepalives_sent;
        if (session.fd >= 0) arm(index, until_keepalive());
      }
    }
    slot.clear();
  }
}

}  // namespace farm

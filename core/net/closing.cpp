// The end of gracefully closed sockets: flush, FIN, wait for its acknowledgement, close. Links hand
// their sockets over in Link::close(). RFC 9293 §3.6.
#include "net/closing.hpp"

#include "net/transport.hpp"

#include <linux/bpf.h>  // the states of a connection by name, as in tcp_info (net/ipv4/tcp.c)
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace peerhold {
namespace {

constexpr Milliseconds fin_patience{2000}, read_patience{120000};
constexpr Milliseconds first_look{5}, last_look{200};

// The FIN that we sent was acknowledged, or the connection has ended in another way, or it is no
// TCP.
bool fin_acknowledged(int fd) {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) return true;
  return info.tcpi_state != BPF_TCP_FIN_WAIT1 && info.tcpi_state != BPF_TCP_CLOSING &&
         info.tcpi_state != BPF_TCP_LAST_ACK;
}

}  // namespace

class Closing::Entry final : private Poll::Target {
 public:
  Entry(Closing& owner, Fd fd, Block queued, Fins fins, const void* whose)
      : owner_(owner), whose_(whose), fd_(std::move(fd)), queued_(std::move(queued)), fins_(fins) {
    deadline_ = owner_.loop_.now() + patience();
    flush();
    if (queued_.empty() || done_) return;
    auto poll = Poll::open(owner_.loop_, fd_.get(), this, Poll::writable);
    if (poll) {
      poll_ = std::move(*poll);
    } else {
      give_up();
    }
  }

  bool done() const { return done_; }
  bool belongs_to(const void* whose) const { return whose_ == whose; }
  int fd() const { return fd_.get(); }
  void hurry() { deadline_ = std::min(deadline_, owner_.loop_.now() + fin_patience); }
  SteadyTime next() const { return done_ ? SteadyTime{} : std::min(look_, deadline_); }

  void check(SteadyTime now) {
    if (done_ || now < next()) return;
    drain();
    if (!queued_.empty()) {
      if (now >= deadline_) give_up();
      look_ = now + last_look;
    } else if (fin_acknowledged(fd_.get()) || now >= deadline_) {
      done_ = true;
    } else {
      wait_ = std::min(wait_ * 2, last_look);
      look_ = now + wait_;
    }
  }

 private:
  Milliseconds patience() const {
    return queued_.empty() || owner_.hurried_ ? fin_patience : read_patience;
  }

  void ready(unsigned, bool broken) override {
    if (broken) done_ = true;  // nobody to send the rest to
    drain();
    if (!done_) flush();
    if (done_ || queued_.empty()) poll_.close();
    owner_.look_at(next());
  }

  void flush() {
    const SteadyTime now = owner_.loop_.now();
    look_ = now + last_look;
    while (!queued_.empty()) {
      const auto bytes = queued_.bytes();
      const ssize_t n = send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN) done_ = true;
        return;
      }
      queued_.drop(static_cast<std::size_t>(n));
      deadline_ = now + patience();
    }
    deadline_ = now + fin_patience;
    // Without a key the kernel sees to the rest by itself, our FIN included.
    done_ = whose_ == nullptr && fins_.received;
    if (done_) return;
    if (!fins_.sent) shutdown(fd_.get(), SHUT_WR);
    drain();
    done_ = fin_acknowledged(fd_.get());
    look_ = now + wait_;
  }

  // Else what is unread would make a reset of the close.
  void drain() {
    if (fins_.received) return;
    std::span<std::uint8_t> scratch = owner_.loop_.scratch();
    for (int turns = 0; turns < 16; ++turns)
      if (recv(fd_.get(), scratch.data(), scratch.size(), MSG_DONTWAIT) <= 0) return;
  }

  // A cut-off stream must not look complete: RST, not FIN.
  void give_up() {
    abort_connection(fd_.get());
    done_ = true;
  }

  Closing& owner_;
  const void* whose_;
  Fd fd_;
  Poll poll_;
  Block queued_;
  const Fins fins_;
  bool done_ = false;
  Milliseconds wait_ = first_look;
  SteadyTime look_{}, deadline_{};
};

Closing::Closing(Loop& loop) : loop_(loop), timer_(loop, [this] { check(); }) {}

Closing::~Closing() = default;

void Closing::add(Fd fd, Block queued, Fins fins, const void* owner) {
  Entry& entry = entries_.emplace_back(*this, std::move(fd), std::move(queued), fins, owner);
  if (entry.done())
    entries_.pop_back();
  else
    look_at(entry.next());
}

void Closing::each(const void* owner, const std::function<void(int fd)>& f) const {
  for (const Entry& entry : entries_) {
    if (!entry.done() && entry.belongs_to(owner)) f(entry.fd());
  }
}

void Closing::hurry() {
  if (std::exchange(hurried_, true)) return;
  for (Entry& entry : entries_) entry.hurry();
  look_at(loop_.now() + fin_patience);
}

std::size_t Closing::count() const {
  return entries_.size();
}

void Closing::check() {
  armed_for_ = SteadyTime::max();
  const SteadyTime now = loop_.now();
  for (Entry& entry : entries_) entry.check(now);
  std::erase_if(entries_, [](const Entry& entry) { return entry.done(); });
  SteadyTime first = SteadyTime::max();
  for (const Entry& entry : entries_) first = std::min(first, entry.next());
  if (first != SteadyTime::max()) look_at(first);
}

void Closing::look_at(SteadyTime when) {
  if (when >= armed_for_) return;
  armed_for_ = when;
  timer_.start(std::max(std::chrono::ceil<Milliseconds>(when - loop_.now()), Milliseconds(0)));
}

}  // namespace peerhold

// The bytes of one socket: read into the loop's scratch buffer and offered, sent or queued, ended.
// Owned by a conversation, one for each link and each app connection. RFC 9293 for what FIN and RST
// mean.
//
// What probes showed and this rests on: every socket error arrives as a stopped poller with input
// still readable; ETIMEDOUT is told once and an end of file follows it; send() may eat the error.
#include "net/link.hpp"
#include "net/transport.hpp"

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <optional>

namespace peerhold {
namespace {

constexpr int reads_a_turn = 4;  // and bytes, so that one busy link does not starve the others
constexpr std::size_t bytes_a_turn = 256UL * 1024;

Cause end_cause(int err) {
  switch (err) {
    case 0:
      return Cause::peer_closed;
    case ETIMEDOUT:
      return Cause::user_timeout;
    case ECONNRESET:
    case EPIPE:
      return Cause::peer_reset;
    case ECONNABORTED:
      return Cause::admin;  // `ss -K`
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case ECONNREFUSED:  // by ICMP, as all of these
    case ENOPROTOOPT:
      return Cause::unreachable;
    case ENOMEM:
    case ENOBUFS:
      return Cause::resource;
    default:
      return Cause::internal;
  }
}

std::string words_of(int err, const std::string& who) {
  switch (err) {
    case 0:
      return who + " closed the connection";
    case ETIMEDOUT:
      return who + " acknowledged nothing until user_timeout or keepalive ran out";
    case ECONNRESET:
      return who + " reset the connection";
    case EPIPE:
      return who + " closed the connection and takes no more data";
    case ECONNABORTED:
      return "the connection with " + who + " was destroyed on this host";
    default:
      return error_from_errno(err, "the connection with " + who + " failed").text;
  }
}

}  // namespace

struct Link::State {
  State(Loop& l, Closing& c, LinkEvents* e, Connected f, std::uint64_t b)
      : loop(l),
        closing(c),
        events(e),
        buffer(b),
        last(l.now()),
        local_name(f.local),
        far_name(f.remote),
        fd(std::move(f.fd)),
        poll(std::move(f.poll)) {}

  Loop& loop;
  Closing& closing;
  const void* owner = nullptr;
  LinkEvents* events;
  std::uint64_t buffer;
  std::uint64_t bytes_in = 0, bytes_out = 0;
  SteadyTime last;
  Block held, queue;
  mutable std::unique_ptr<Endpoint> remote;
  mutable SocketName local_name;
  SocketName far_name;  // from the start: after a reset the kernel does not say any more
  Fd fd;
  int error = 0;  // met outside of ready(), to be told on a later turn

  bool paused = false;
  bool fell_short = false;
  bool eof_in = false;
  bool eof_wanted = false, eof_out = false;
  bool lent = false;
  bool ended = false;        // no event from here on
  bool close_later = false;  // closed while lent
  bool inside = false;       // one of our events is running
  bool offer_later = false;

  Poll poll;                    // below fd: leaves the epoll before the fd closes
  std::unique_ptr<Timer> soon;  // only while something waits for a later turn

  bool active() const { return !ended && !lent; }

  std::string who() const {
    const Endpoint& far = remote_name();
    return far.is_set() ? far.to_string() : "the far end";
  }

  const Endpoint& remote_name() const {
    if (!remote) {
      remote =
          std::make_unique<Endpoint>(far_name ? far_name.endpoint() : remote_endpoint(fd.get()));
    }
    return *remote;
  }

  void note_name() {
    if (!far_name) far_name = SocketName::remote_of(fd.get());
    if (far_name) return;
    const int yes = 1;  // a UNIX socket: what prepare_socket() does for TCP
    setsockopt(fd.get(), SOL_SOCKET, SO_OOBINLINE, &yes, sizeof yes);
  }

  void update() {
    if (!active() || !poll) return;
    unsigned mask = 0;
    if (!paused && !eof_in && held.size() < buffer) mask |= Poll::readable;
    if (!queue.empty() || fell_short) mask |= Poll::writable;
    poll.want(mask != 0 ? mask : unsigned{Poll::errors});
  }

  void end() {
    ended = true;
    poll.close();
    soon.reset();
  }

  void later(Link& link) {
    if (!soon) soon = std::make_unique<Timer>(loop, [&link] { link.s_->due(link); });
    soon->start(Milliseconds(0));
  }

  void due(Link& link) {
    const std::unique_ptr<Timer> running = std::move(soon);  // a Timer may go in its own callback
    if (!active()) return;
    if (error != 0) return fail(link, error);
    if (std::exchange(offer_later, false)) {
      offer(link);
      update();
    }
  }

  // ---- events: each may end the link, none destroys it
  // --------------------------------------------
  void offer(Link& link) {
    if (held.empty()) return;
    held.drop(ask(link, held.bytes()));
  }

  std::size_t ask(Link& link, std::span<const std::uint8_t> bytes) {
    inside = true;
    const std::size_t taken = std::min(events->link_data(link, bytes), bytes.size());
    inside = false;
    return taken;
  }

  template <class Event>
  void tell(Event event) {
    inside = true;
    event();
    inside = false;
  }

  void input(Link& link, std::span<const std::uint8_t> fresh) {
    bytes_in += fresh.size();
    last = loop.now();
    if (held.empty()) {
      const std::size_t taken = ask(link, fresh);
      if (!ended) held.append(fresh.subspan(taken));
    } else {
      held.append(fresh);
      offer(link);
    }
  }

  enum class Read { more, all, nothing, failed };

  // One read and what follows from it: `all` when it emptied the socket. `failed` leaves the errno
  // in `error`.
  Read read(Link& link, std::size_t& budget) {
    const std::uint64_t space = buffer > held.size() ? buffer - held.size() : 0;
    if (!active() || paused || eof_in || space == 0 || budget == 0) return Read::nothing;
    const auto scratch = loop.scratch();
    const std::size_t size =
        std::min<std::uint64_t>({scratch.size(), space, static_cast<std::uint64_t>(budget)});
    const ssize_t n = recv(fd.get(), scratch.data(), size, MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) return Read::more;
      if (errno == EAGAIN) return Read::nothing;
      if (error == 0) error = errno;
      return Read::failed;
    }
    if (n == 0) {
      if (error != 0) return Read::failed;  // follows an error that was taken; no FIN
      eof_in = true;
      tell([&] { events->link_eof(link); });
      return Read::nothing;
    }
    budget -= static_cast<std::size_t>(n);
    input(link, scratch.first(static_cast<std::size_t>(n)));
    return static_cast<std::size_t>(n) == size ? Read::more : Read::all;
  }

  // The socket is broken: what it still holds, then the end. `err` is the errno where it is known.
  void fail(Link& link, int err) {
    poll.want(0);
    error = err;
    std::size_t no_limit = SIZE_MAX;
    while (true) {
      const Read got = read(link, no_limit);
      if (got == Read::nothing || got == Read::failed) break;
    }
    if (!active()) return;
    if (error == 0) {
      socklen_t size = sizeof error;
      if (getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) < 0) error = errno;
    }
    if (error == 0 && !eof_in) return update();  // a false alarm
    const LinkEnd last_word{end_cause(error), words_of(error, who()), unsent(), unread()};
    end();
    tell([&] { events->link_down(link, last_word); });
  }

  // ---- output
  // -------------------------------------------------------------------------------------- What the
  // kernel takes now.
  std::size_t push(Link& link, std::span<const std::uint8_t> bytes) {
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n =
          ::send(fd.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) {
        if (errno != EAGAIN && error == 0) {
          error = errno;
          later(link);
        }
        break;
      }
      sent += static_cast<std::size_t>(n);
    }
    if (sent > 0) {
      bytes_out += sent;
      last = loop.now();
    }
    return sent;
  }

  void writable(Link& link) {
    if (!queue.empty()) queue.drop(push(link, queue.bytes()));
    if (!queue.empty() || error != 0) return;
    shut_when_wanted();
    if (!std::exchange(fell_short, false)) return;
    tell([&] { events->link_writable(link); });
  }

  void shut_when_wanted() {
    if (!eof_wanted || eof_out || !queue.empty()) return;
    eof_out = true;
    shutdown(fd.get(), SHUT_WR);
  }

  std::uint64_t unsent() const {
    if (bytes_out == 0) return queue.size();
    int waiting = 0;
    if (ioctl(fd.get(), SIOCOUTQ, &waiting) < 0 || waiting < 0) waiting = 0;
    if (eof_out && waiting > 0) --waiting;  // the FIN counts as a byte
    return queue.size() + static_cast<std::uint64_t>(waiting);
  }

  std::uint64_t unread() const {
    int waiting = 0;
    if (ioctl(fd.get(), SIOCINQ, &waiting) < 0 || waiting < 0) waiting = 0;
    return held.size() + static_cast<std::uint64_t>(waiting);
  }
};

Result<std::unique_ptr<Link>> Link::open(Loop& loop, Closing& closing, Connected connected,
                                         std::uint64_t buffer, LinkEvents* events) {
  std::unique_ptr<Link> link(new Link);
  link->s_ = std::make_unique<State>(loop, closing, events, std::move(connected), buffer);
  State& s = *link->s_;
  if (s.poll) {
    s.poll.hand_to(link.get());
    s.poll.want(Poll::readable);
  } else {
    auto poll = Poll::open(loop, s.fd.get(), link.get(), Poll::readable);
    if (!poll) return std::move(poll).error();
    s.poll = std::move(*poll);
  }
  s.note_name();
  return link;
}

Link::~Link() {
  if (!s_->fd) return;
  s_->poll.close();
  if (s_->lent) take_back(false, false);
  if (!s_->ended) abort_connection(s_->fd.get());
}

void Link::ready(unsigned events, bool broken) {
  State& s = *s_;
  if (!s.active()) return;
  if (broken || s.error != 0) return s.fail(*this, s.error);
  if (events & Poll::writable) s.writable(*this);
  if (events & Poll::readable) {
    std::size_t budget = bytes_a_turn;
    for (int i = 0; i < reads_a_turn; ++i) {
      const State::Read got = s.read(*this, budget);
      if (got == State::Read::failed) return s.fail(*this, s.error);
      if (got != State::Read::more) break;
    }
  }
  s.update();
}

std::size_t Link::send(std::span<const std::uint8_t> bytes) {
  State& s = *s_;
  if (!s.active() || s.eof_wanted || s.error != 0) return 0;
  std::size_t taken = s.queue.empty() ? s.push(*this, bytes) : 0;
  if (s.error != 0) return taken;
  const std::size_t queued = std::min(bytes.size() - taken, room());
  s.queue.append(bytes.subspan(taken, queued));
  taken += queued;
  if (taken < bytes.size() || !s.queue.empty()) s.fell_short = true;
  s.update();
  return taken;
}

void Link::preface(std::string_view text) {
  s_->queue.append({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
  s_->update();
}

Fd Link::release() {
  s_->end();
  return std::move(s_->fd);
}

std::size_t Link::room() const {
  const State& s = *s_;
  return s.buffer > s.queue.size() ? s.buffer - s.queue.size() : 0;
}

void Link::send_eof() {
  State& s = *s_;
  if (!s.active()) return;
  s.eof_wanted = true;
  s.shut_when_wanted();
}

bool Link::eof_sent() const {
  return s_->eof_wanted;
}
bool Link::eof_received() const {
  return s_->eof_in;
}

void Link::pause(bool paused) {
  s_->paused = paused;
  s_->update();
}

void Link::offer() {
  State& s = *s_;
  if (!s.active()) return;
  if (s.inside) {  // what is being consumed just now is known when that event has returned
    s.offer_later = true;
    return s.later(*this);
  }
  s.offer(*this);
  s.update();
}

std::size_t Link::held() const {
  return s_->held.size();
}
std::size_t Link::queued() const {
  return s_->queue.size();
}

void Link::close() {
  State& s = *s_;
  if (s.ended) return;
  if (s.lent) {
    shutdown(s.fd.get(), SHUT_RDWR);
    s.ended = s.close_later = true;
    return;
  }
  s.end();
  s.closing.add(std::move(s.fd), std::move(s.queue), {.received = s.eof_in, .sent = s.eof_out},
                s.owner);
}

void Link::belongs_to(const void* owner) {
  s_->owner = owner;
}

void Link::abort() {
  State& s = *s_;
  if (s.ended) return;
  const bool was_reset = abort_connection(s.fd.get());
  if (s.lent) {
    // Not after a reset: it would look like a FIN to the mover.
    if (!was_reset) shutdown(s.fd.get(), SHUT_RDWR);
    s.ended = true;
    return;
  }
  s.end();
  s.fd.reset();
}

int Link::fd() const {
  return s_->fd.get();
}
std::uint64_t Link::bytes_in() const {
  return s_->bytes_in;
}
std::uint64_t Link::bytes_out() const {
  return s_->bytes_out;
}
std::uint64_t Link::unsent() const {
  return s_->unsent();
}

Milliseconds Link::idle() const {
  return std::chrono::floor<Milliseconds>(s_->loop.now() - s_->last);
}

void Link::set_buffer(std::uint64_t buffer) {
  s_->buffer = buffer;
  s_->update();
}

const Endpoint& Link::remote() const {
  return s_->remote_name();
}

Endpoint Link::local() const {
  if (!s_->local_name) s_->local_name = SocketName::local_of(s_->fd.get());
  return s_->local_name ? s_->local_name.endpoint() : local_endpoint(s_->fd.get());
}

Result<int> Link::lend() {
  State& s = *s_;
  if (!s.active() || s.error != 0 || s.eof_in || s.eof_wanted || !s.held.empty() ||
      !s.queue.empty())
    return Error{"the connection with " + s.who() + " is not one that only relays now", EBUSY,
                 Cause::internal};
  s.poll.want(0);  // one poller per fd
  s.fell_short = s.paused = false;
  s.lent = true;
  return s.fd.get();
}

void Link::take_back(bool eof_received, bool eof_sent, int error) {
  State& s = *s_;
  if (!s.lent) return;
  s.lent = false;
  s.eof_in = s.eof_in || eof_received;
  s.eof_wanted = s.eof_out = s.eof_out || eof_sent;
  if (s.ended) {
    s.end();
    if (s.close_later) s.closing.add(std::move(s.fd), Block{}, {}, s.owner);
    s.fd.reset();
    return;
  }
  s.last = s.loop.now();
  if (error != 0) {
    s.error = error;
    s.later(*this);
  }
  s.update();
}

void Link::add_bytes(std::uint64_t in, std::uint64_t out) {
  s_->bytes_in += in;
  s_->bytes_out += out;
}

}  // namespace peerhold

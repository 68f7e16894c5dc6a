// One active open: socket, options, key, source, connect, wait. Owned by a session's peer or app
// side; owns the socket until the connection stands, then hands it over. RFC 9293 §3.5; what
// silence means under a key is docs/kernel.md's.
#include "net/dialer.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "net/counters.hpp"
#include "net/tcp_auth.hpp"

namespace peerhold {
namespace {

Cause failure_cause(int err) {
  switch (err) {
    case ECONNREFUSED:
    case ENOENT:  // a UNIX path that nobody has bound
      return Cause::connect_refused;
    case ECONNRESET:  // after its SYN-ACK: before it, a reset is a refusal
      return Cause::peer_reset;
    case ETIMEDOUT:
      return Cause::connect_timeout;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
    case ENETDOWN:
    case ENONET:
    case EPERM:   // a local filter
    case EACCES:  // a prohibit route, a UNIX socket's mode
      return Cause::unreachable;
    case EADDRNOTAVAIL:
    case EADDRINUSE:
    case ENODEV:
    case ENXIO:
    case ENOMEM:
    case ENOBUFS:
    case EMFILE:
    case ENFILE:
    case EAGAIN:
      return Cause::resource;
    default:
      return Cause::internal;
  }
}

Error failed(int err, const std::string& what, std::string_view remedy = {}) {
  Error error = error_from_errno(err, what, failure_cause(err));
  if (!remedy.empty()) error.text.append("; ").append(remedy);
  return error;
}

std::string_view bind_remedy(int err) {
  switch (err) {
    case EADDRNOTAVAIL:
      return "the address is not on this host (or its interface is down)";
    case EACCES:
      return "ports below 1024 need CAP_NET_BIND_SERVICE";
    case EADDRINUSE:
      return "another socket has that address and port; give source without a port, and each "
             "connection gets one of its own";
    default:
      return {};
  }
}

// Reading the kernel's counters costs more than a connect that is answered: what they are compared
// with is read when an answer should have come, even to one of thousands who dial at once, and
// before the SYN is sent again (one second).
constexpr Milliseconds counters_after{500};

class Dial final : public Dialer, private Poll::Target {
 public:
  Dial(Loop& loop, const DialRequest& request, Done done)
      : loop_(loop),
        to_(request.to),
        timeout_(request.timeout),
        keyed_(request.key != nullptr),
        from_(request.from && request.from->port != 0 ? request.from->to_string() : std::string()),
        started_(loop.now()),
        done_(std::move(done)),
        timer_(loop, [this] { due(); }) {
    if (auto began = begin(request); !began) {
      failure_ = std::move(began).error();
      timer_.start(Milliseconds(0));  // never from inside start()
    } else if (!waits_for_room_) {
      timer_.start(keyed_ ? std::min(timeout_, counters_after) : timeout_);
    }
  }

  Result<void> rekey(const Key& key) override {
    if (!keyed_)
      return Error{"the dial to " + to_.to_string() + " is not authenticated", EINVAL,
                   Cause::internal};
    if (!fd_)
      return Error{"the dial to " + to_.to_string() + " has failed", EBADF, Cause::internal};
    return tcp_auth::set_key(fd_.get(), Prefix::host(to_.address), key);
  }

  Endpoint local() const override { return fd_ ? local_endpoint(fd_.get()) : Endpoint{}; }

 private:
  Result<void> begin(const DialRequest& request) {
    const bool local = to_.is_unix();
    const int domain = local ? AF_UNIX : to_.address.family == 4 ? AF_INET : AF_INET6;
    fd_.reset(socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_) return failed(errno, "cannot open a socket to " + to_.to_string());
    if (!local)
      if (auto ready = prepare(request); !ready) return ready;
    return connect();
  }

  // All that must stand before the first SYN, the key above all.
  Result<void> prepare(const DialRequest& request) {
    const int family = to_.address.family;
    if (auto prepared = prepare_socket(fd_.get(), family, request.transport); !prepared)
      return prepared;
    if (auto live = apply_new(fd_.get(), family, request.transport, keyed_); !live) return live;
    if (keyed_) {
      auto set = tcp_auth::set_key(fd_.get(), Prefix::host(to_.address), *request.key);
      if (!set) return set;
    }
    if (!request.from) return {};
    sockaddr_storage address{};
    auto length = request.from->to_sockaddr(address);
    if (!length) return resource(std::move(length).error());
    if (request.from->port == 0) {
      // The port is chosen at connect(), by the whole 4-tuple, so that ports do not run out.
      const int yes = 1;
      setsockopt(fd_.get(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    } else if (auto reuse = reuse_address(fd_.get()); !reuse) {
      return reuse;
    }
    if (bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), *length) < 0) {
      const int err = errno;
      return resource(failed(
          err, "cannot use source " + request.from->to_string() + " to reach " + to_.to_string(),
          bind_remedy(err)));
    }
    return {};
  }

  static Error resource(Error error) {
    error.cause = Cause::resource;
    return error;
  }

  Result<void> connect() {
    sockaddr_storage address{};
    auto length = to_.to_sockaddr(address);
    if (!length) return resource(std::move(length).error());
    remote_ = {reinterpret_cast<sockaddr*>(&address), *length};
    waits_for_room_ = false;
    if (::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), *length) < 0) {
      const int err = errno;
      if (err == EAGAIN && to_.is_unix()) {
        // A UNIX listener whose queue is full tells nobody when there is room: ask again.
        waits_for_room_ = true;
        timer_.start(Milliseconds(20));
        return {};
      }
      if (err != EINPROGRESS) return connect_failed(err);
    }
    auto poll = Poll::open(loop_, fd_.get(), this, Poll::writable);
    if (!poll) return std::move(poll).error();
    poll_ = std::move(*poll);
    return {};
  }

  void ready(unsigned, bool broken) override {
    int err = 0;
    socklen_t size = sizeof err;
    if (broken && getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &err, &size) < 0) err = errno;
    if (err != 0) return finish(connect_failed(err));
    const SocketName local = SocketName::local_of(fd_.get());
    // On loopback a dial to a port of the ephemeral range where nobody listens can meet itself.
    if (local && local.endpoint() == to_) return finish(connect_failed(ECONNREFUSED));
    poll_.hand_to(nullptr);  // the next owner goes on with it: one poller per fd
    finish(Connected{std::move(fd_), local, remote_, std::move(poll_)});
  }

  void due() {
    if (failure_) return finish(std::move(*failure_));
    if (waits_for_room_ && loop_.now() - started_ < timeout_) {
      if (auto again = connect(); !again) return finish(std::move(again).error());
      if (!waits_for_room_) timer_.start(timeout_);
      return;
    }
    if (keyed_ && !before_) {
      before_ = read_auth_counters();
      const auto left = std::chrono::ceil<Milliseconds>(timeout_ - (loop_.now() - started_));
      if (left.count() > 0) return timer_.start(left);
    }
    finish(connect_failed(ETIMEDOUT));
  }

  Error connect_failed(int err) const {
    // The one pair of addresses and ports that this dial may have. SO_REUSEADDR does not help: the
    // kernel takes a pair out of TIME_WAIT by its timestamps, and a keyed connection has none.
    if (err == EADDRNOTAVAIL && !from_.empty())
      return failed(err, "cannot connect to " + to_.to_string() + " from source " + from_,
                    "that address and port are in use by a connection with this peer that is "
                    "there or still lingers (TIME_WAIT, a minute); give source without a port, and "
                    "each connection gets one of its own");
    if (err == ECONNRESET)
      return {to_.to_string() + " took the connection and reset it at once" +
                  (keyed_ ? ": the key is right, look at the peer's log and at its app" : ""),
              err, failure_cause(err)};
    if (err != ETIMEDOUT) return failed(err, "cannot connect to " + to_.to_string(), remedy(err));
    // Sooner than asked for only where the kernel gave up first (user_timeout).
    const auto waited = std::chrono::round<Milliseconds>(loop_.now() - started_);
    const std::string time =
        format_duration(waited + Milliseconds(20) < timeout_ ? waited : timeout_);
    if (to_.is_unix())
      return {to_.to_string() + " accepted no connection in " + time + ": its queue is full", err,
              Cause::connect_timeout};
    std::string text = "no answer to our SYN in " + time + " from " + to_.to_string();
    if (keyed_) text += why_silent();
    return {std::move(text), err, Cause::connect_timeout};
  }

  std::string why_silent() const {
    const AuthCounters now = read_auth_counters(), before = before_.value_or(now);
    const std::uint64_t dropped = dropped_since(before, now);
    if (dropped > 0)
      return "; " + std::to_string(dropped) +
             " unsigned or wrongly signed segments were dropped: the key is the likely cause";
    if (now.ttl_dropped > before.ttl_dropped)
      return "; " + std::to_string(now.ttl_dropped - before.ttl_dropped) +
             " segments came from too far away: ttl_security_hops is the likely cause";
    return ": a peer is silent like this when its key differs from ours or it has none for our "
           "address, when nobody listens there, and behind a filter";
  }

  std::string_view remedy(int err) const {
    if (err == ECONNREFUSED && keyed_)
      return "said by ICMP, since a keyed socket drops an unsigned reset: look for a filter";
    if (err == EADDRNOTAVAIL) return "no free source port";
    if (err == EPERM) return "a packet filter of this host forbids it";
    if (err == EACCES && to_.is_unix()) return "the keeper's user may not write to that socket";
    return {};
  }

  // The callback may destroy this.
  void finish(Result<Connected> result) {
    timer_.stop();
    poll_.close();
    fd_.reset();
    const Done done = std::move(done_);
    done(std::move(result));
  }

  Loop& loop_;
  const Endpoint to_;
  const Milliseconds timeout_;
  const bool keyed_;
  const std::string from_;  // source, when its port is given
  bool waits_for_room_ = false;
  const SteadyTime started_;
  std::optional<AuthCounters> before_;
  std::optional<Error> failure_;
  Done done_;
  SocketName remote_;
  Fd fd_;
  Poll poll_;  // below fd_: leaves the epoll before the fd closes
  Timer timer_;
};

}  // namespace

std::unique_ptr<Dialer> Dialer::start(Loop& loop, const DialRequest& request, Done done) {
  return std::make_unique<Dial>(loop, request, std::move(done));
}

}  // namespace peerhold

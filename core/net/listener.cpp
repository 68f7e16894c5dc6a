// One listening socket and who may connect to it: keys on the live socket as the claims say,
// accept, longest prefix, key again. Owned by the keeper, shared by sessions. RFC 2385; the traps
// that each rule here answers are in docs/kernel.md.
#include "net/listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <map>

#include "net/tcp_auth.hpp"

namespace peerhold {
namespace {

constexpr int backlog = 4096;
constexpr int accepts_a_turn = 64;   // so that a flood of connections does not starve live links
constexpr Milliseconds breath{100};  // when descriptors or memory have run out

Error cannot_listen(const Endpoint& at, Error error) {
  error.text = "cannot listen on " + at.to_string() + ": " + error.text;
  error.cause = Cause::resource;
  return error;
}

std::string listen_remedy(int err) {
  if (err == EADDRINUSE) return "; another program has this port (see `ss -tlnp`)";
  if (err == EADDRNOTAVAIL)
    return "; the address is not on this host (freebind = true waits for it)";
  if (err == EACCES) return "; ports below 1024 need CAP_NET_BIND_SERVICE";
  return {};
}

void reset(Fd fd) {
  abort_connection(fd.get());
}

// A key as it stands on the socket, kept so that a change can be seen and undone.
struct Installed {
  std::uint32_t id = 0;
  Secret secret;
};
using Keys = std::map<Prefix, Installed>;

class Socket final : public Listener, private Poll::Target {
 public:
  Socket(Loop& loop, Endpoint at, bool keyed, std::function<void(Accepted)> on_accept)
      : loop_(loop),
        at_(std::move(at)),
        keyed_(keyed),
        on_accept_(std::move(on_accept)),
        timer_(loop, [this] { update(); }) {}

  ~Socket() override {
    if (gone_ != nullptr) *gone_ = true;
    poll_.close();
    if (fd_) shutdown(fd_.get(), SHUT_RDWR);  // ends it even where a duplicate of the fd lives on
    struct stat now {};
    if (at_.is_unix() && inode_ != 0 && lstat(at_.path.c_str(), &now) == 0 && now.st_ino == inode_)
      unlink(at_.path.c_str());
  }

  Result<void> start(const Transport& transport) {
    const int family = at_.address.family;
    const int domain = at_.is_unix() ? AF_UNIX : family == 4 ? AF_INET : AF_INET6;
    fd_.reset(socket(domain, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_) return cannot_listen(at_, error_from_errno(errno, "no socket"));
    if (at_.is_unix()) {
      if (auto bound = bind_unix(); !bound) return bound;
      return listen_now();
    }
    if (auto ready = reuse_address(fd_.get()); !ready)
      return cannot_listen(at_, std::move(ready).error());
    if (auto ready = prepare_socket(fd_.get(), family, transport); !ready)
      return cannot_listen(at_, std::move(ready).error());
    if (auto ready = apply_live(fd_.get(), transport, keyed_); !ready)
      return cannot_listen(at_, std::move(ready).error());
    transport_ = transport;
    return bind_to(at_);
  }

  Result<void> set_claims(std::vector<Claim> claims) override {
    std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
      return a.who.length != b.who.length ? a.who.length > b.who.length : a.who < b.who;
    });
    auto wanted = keys_of(claims);
    if (!wanted) return cannot_listen(at_, std::move(wanted).error());
    if (keyed_ && !silenced_) {
      if (auto silent = tcp_auth::silence_others(fd_.get()); !silent)
        return cannot_listen(at_, std::move(silent).error());
      silenced_ = true;
    }
    if (auto installed = install(*wanted, claims.size()); !installed)
      return cannot_listen(at_, std::move(installed).error());
    for (Claim& claim : claims) claim.key = nullptr;  // ours from here on are in installed_
    claims_ = std::move(claims);
    if (!listening_) return listen_now();
    return {};
  }

  Result<void> set_transport(const Transport& transport) override {
    auto applied = apply_live(fd_.get(), transport, keyed_);
    if (!applied) return cannot_listen(at_, std::move(applied).error());
    transport_ = transport;
    return {};
  }

  void pause(bool paused) override {
    paused_ = paused;
    if (!listening_) return;
    listen(fd_.get(), paused ? 0 : backlog);  // nor should the kernel take what nobody will accept
    update();
  }

  const Endpoint& at() const override { return at_; }
  Counters counters() const override { return counters_; }

 private:
  // ---- opening
  // -----------------------------------------------------------------------------------
  Result<void> bind_to(const Endpoint& at) {
    sockaddr_storage address{};
    auto length = at.to_sockaddr(address);
    if (!length) return cannot_listen(at_, std::move(length).error());
    if (bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), *length) == 0) {
      if (!at_.is_unix()) {  // port 0 has become a real one
        at_ = local_endpoint(fd_.get());
        if (!at_.address.is_any()) name_ = SocketName::local_of(fd_.get());
      }
      return {};
    }
    const int err = errno;
    Error error = error_from_errno(err, "bind");
    error.text += listen_remedy(err);
    return cannot_listen(at_, std::move(error));
  }

  Result<void> bind_unix() {
    struct stat found {};
    if (lstat(at_.path.c_str(), &found) == 0) {
      if (!S_ISSOCK(found.st_mode))
        return cannot_listen(
            at_, Error{"something that is no socket stands there; it is left alone", EEXIST});
      const int err = ask_who_listens();
      if (err == 0 || err == EAGAIN)
        return cannot_listen(at_, Error{"another program listens there", EADDRINUSE});
      // Only a refusal shows that the socket outlived its program.
      if (err != ECONNREFUSED && err != ENOENT)
        return cannot_listen(
            at_, error_from_errno(err, "a socket stands there that does not tell its owner"));
      unlink(at_.path.c_str());
    }
    if (auto bound = bind_to(at_); !bound) return bound;
    if (lstat(at_.path.c_str(), &found) == 0) inode_ = found.st_ino;
    return {};
  }

  int ask_who_listens() const {
    const Fd probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    auto length = at_.to_sockaddr(address);
    if (!probe || !length) return EMFILE;
    return connect(probe.get(), reinterpret_cast<sockaddr*>(&address), *length) == 0 ? 0 : errno;
  }

  Result<void> listen_now() {
    if (listen(fd_.get(), paused_ ? 0 : backlog) < 0) {
      const int err = errno;
      Error error = error_from_errno(err, "listen");
      error.text += listen_remedy(err);
      return cannot_listen(at_, std::move(error));
    }
    auto poll = Poll::open(loop_, fd_.get(), this, Poll::readable);
    if (!poll) return std::move(poll).error();
    poll_ = std::move(*poll);
    listening_ = true;
    update();
    return {};
  }

  void update() {
    if (!poll_) return;
    const bool resting = paused_ || timer_.running();
    poll_.want(resting ? Poll::errors : Poll::readable);
  }

  // ---- keys
  // --------------------------------------------------------------------------------------
  Result<Keys> keys_of(const std::vector<Claim>& claims) const {
    Keys keys;
    std::map<Prefix, bool> seen;
    for (const Claim& claim : claims) {
      const std::string who = claim.who.to_string();
      if (!seen.emplace(claim.who, true).second)
        return Error{"two claims for " + who, EEXIST, Cause::internal};
      if (!keyed_ && (claim.key != nullptr || claim.covered))
        return Error{"a claim with a key for " + who + " on a listener without", EINVAL};
      if (keyed_ && claim.key == nullptr && !claim.covered)
        return Error{"a claim without a key for " + who + " on a listener with keys", EINVAL};
      if (claim.key != nullptr)
        keys.emplace(claim.who, Installed{claim.key->id, claim.key->secret.clone()});
    }
    return keys;
  }

  Result<void> put(const Prefix& who, const Installed& key) {
    Key value;
    value.id = key.id;
    value.secret = key.secret.clone();
    return tcp_auth::set_key(fd_.get(), who, value);
  }

  // Falls back to the strangers' random key. A /0 bears that itself, so it is replaced, not
  // removed.
  Result<void> take_away(const Prefix& who) {
    return who.length == 0 ? tcp_auth::silence(fd_.get(), who)
                           : tcp_auth::remove_key(fd_.get(), who);
  }

  // New and changed keys first, then the removals, so that a peer which moves from its own key to a
  // prefix's is never without. Short of room it is done the other way round. All or nothing.
  Result<void> install(Keys& wanted, std::size_t claims) {
    std::vector<Prefix> put_there, taken;
    auto take_stale = [&]() -> Result<void> {
      for (const auto& [who, key] : installed_)
        if (!wanted.contains(who)) {
          if (auto gone = take_away(who); !gone) return gone;
          taken.push_back(who);
        }
      return {};
    };
    auto undo = [&](Error error) {
      for (const Prefix& who : put_there) {
        const auto old = installed_.find(who);
        (void)(old == installed_.end() ? take_away(who) : put(who, old->second));
      }
      for (const Prefix& who : taken) (void)put(who, installed_.at(who));
      if (error.code == ENOMEM)
        error.text += " (" + std::to_string(claims) + " claims need at least " +
                      std::to_string(tcp_auth::optmem_needed(wanted.size() + 2)) + ")";
      return error;
    };
    bool stale_gone = false;
    for (const auto& [who, key] : wanted) {
      const auto old = installed_.find(who);
      if (old != installed_.end() && old->second.secret.same(key.secret)) continue;
      auto set = put(who, key);
      if (!set && set.error().code == ENOMEM && !stale_gone) {
        stale_gone = true;
        if (auto gone = take_stale(); !gone) return undo(std::move(gone).error());
        set = put(who, key);
      }
      if (!set) return undo(std::move(set).error());
      put_there.push_back(who);
    }
    if (!stale_gone)
      if (auto gone = take_stale(); !gone) return undo(std::move(gone).error());
    installed_ = std::move(wanted);
    return {};
  }

  // The longest prefix around `peer` of those that suit. Thousands of claims are nearly all of one
  // length, and sorted by address within it.
  template <class Suits>
  const Claim* longest_around(const Address& peer, Suits suits) const {
    for (auto begin = claims_.begin(); begin != claims_.end();) {
      const std::uint8_t length = begin->who.length;
      const auto end = std::partition_point(begin, claims_.end(),
                                            [&](const Claim& c) { return c.who.length == length; });
      Prefix around = Prefix::around(peer, length);
      for (bool scoped : {true, false}) {  // without an interface: on any
        if (!scoped) around.address.scope.clear();
        const auto found = std::lower_bound(
            begin, end, around, [](const Claim& c, const Prefix& p) { return c.who < p; });
        if (found != end && found->who == around && suits(*found)) return &*found;
        if (around.address.scope.empty()) break;
      }
      begin = end;
    }
    return nullptr;
  }

  // The key that the kernel has used for `peer`: of the longest prefix that bears one.
  Result<std::uint32_t> key_again(int fd, const Address& peer) {
    const Installed* key = nullptr;
    longest_around(peer, [&](const Claim& claim) {
      const auto found = installed_.find(claim.who);
      if (found != installed_.end()) key = &found->second;
      return key != nullptr;
    });
    if (key == nullptr) return Error{"no key for " + peer.to_string(), ENOKEY, Cause::internal};
    Key value;
    value.id = key->id;
    value.secret = key->secret.clone();
    if (auto set = tcp_auth::set_key(fd, Prefix::host(peer), value); !set)
      return std::move(set).error();
    return value.id;
  }

  // ---- accepting
  // ---------------------------------------------------------------------------------
  void ready(unsigned, bool broken) override {
    if (broken) return update();  // a listening socket has no error that ends it
    // The callback may destroy this.
    const auto gone = std::make_unique<bool>(false);
    gone_ = gone.get();
    for (int i = 0; i < accepts_a_turn && !paused_; ++i)
      if (!accept_one() || *gone) break;
    if (!*gone) gone_ = nullptr;
  }

  bool accept_one() {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    Fd fd(accept4(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length,
                  SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!fd) return accept_failed(errno);
    if (at_.is_unix()) {
      ++counters_.accepted;
      on_accept_({{std::move(fd)}, {}, nullptr});
      return true;
    }
    Endpoint remote = Endpoint::from(reinterpret_cast<sockaddr*>(&address), length);
    const Claim* claim = longest_around(remote.address, [](const Claim&) { return true; });
    void* const owner = claim != nullptr ? claim->owner : nullptr;
    std::optional<std::uint32_t> key_id;
    if (keyed_ && owner != nullptr)
      if (auto again = key_again(fd.get(), remote.address)) key_id = *again;
    // Also when the key cannot be set: no key, no connection.
    if (owner == nullptr || (keyed_ && !key_id)) {
      ++counters_.unclaimed;
      reset(std::move(fd));
      return true;
    }
    ++counters_.accepted;
    const SocketName name{reinterpret_cast<sockaddr*>(&address), length};
    on_accept_({{std::move(fd), name_, name}, std::move(remote), owner, key_id, &transport_});
    return true;
  }

  // Whether to go on accepting.
  bool accept_failed(int err) {
    switch (err) {
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        // The connection stays in the queue and the socket stays readable: looking again at once
        // would spin until a descriptor is free.
        timer_.start(breath);
        update();
        return false;
      case EAGAIN:
      case EINVAL:  // shut down
        return false;
      default:  // the connection that was next has died meanwhile (accept(2))
        return true;
    }
  }

  Loop& loop_;
  Endpoint at_;
  const bool keyed_;
  bool silenced_ = false, listening_ = false, paused_ = false;
  bool* gone_ = nullptr;  // set while accepting: told of our destruction
  ino_t inode_ = 0;       // of the UNIX socket that we bound
  std::function<void(Accepted)> on_accept_;
  std::vector<Claim> claims_;  // longest prefix first, then by address
  Keys installed_;             // what is on the socket
  Counters counters_;
  Transport transport_;
  SocketName name_;  // the same for all that are accepted, but for a wildcard's
  Fd fd_;
  Poll poll_;
  Timer timer_;
};

}  // namespace

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, const Endpoint& at,
                                                 const Transport& transport, bool keyed,
                                                 std::function<void(Accepted)> on_accept) {
  auto socket = std::make_unique<Socket>(loop, at, keyed, std::move(on_accept));
  if (auto started = socket->start(transport); !started) return std::move(started).error();
  return std::unique_ptr<Listener>(std::move(socket));
}

}  // namespace peerhold

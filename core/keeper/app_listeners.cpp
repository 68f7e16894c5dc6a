// AppListeners: owned by the Keeper; sessions come to it through Surroundings::open_app.
#include "keeper/app_listeners.hpp"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "session/session.hpp"

namespace peerhold {

struct AppListeners::Place {
  std::vector<Session*> sessions;
  std::list<std::unique_ptr<Undecided>> undecided;
  std::unique_ptr<Listener> listener;
};

// Peeks until the plugin knows whose connection it is. What was peeked stays in the socket, so the
// session that gets it reads all of it.
class AppListeners::Undecided final : private Poll::Target {
 public:
  Undecided(Loop& loop, Place& place, Connected app)
      : loop_(loop),
        place_(place),
        app_(std::move(app)),
        timer_(loop, [this] { undecided(PH_LINK_UNDECIDED); }) {}

  bool start() {
    auto poll = Poll::open(loop_, app_.fd.get(), this, Poll::readable);
    if (!poll) return false;
    poll_ = *std::move(poll);
    const Session& first = *place_.sessions.front();
    const auto wait = first.library().pick_wait(candidates());
    first_takes_ = wait.has_value();
    timer_.start(wait.value_or(first.config().retry.connect_timeout));
    return true;
  }

 private:
  void ready(unsigned, bool broken) override {
    const std::span<std::uint8_t> space = loop_.scratch();
    const ssize_t n = broken ? 0 : recv(app_.fd.get(), space.data(), space.size(), MSG_PEEK);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return over();
    const Library::Picked picked = place_.sessions.front()->library().pick(
        candidates(), space.first(static_cast<std::size_t>(n)));
    // Woken without a byte more: it has sent its last one, and would wake us for ever.
    const bool more_may_come = std::exchange(seen_, n) != n;
    if (picked.answer == PH_EAGAIN && more_may_come && static_cast<std::size_t>(n) < space.size()) {
      // Not woken again by the bytes that lie there already.
      const int more = static_cast<int>(n) + 1;
      setsockopt(app_.fd.get(), SOL_SOCKET, SO_RCVLOWAT, &more, sizeof more);
      return;
    }
    if (picked.answer == PH_EAGAIN) return undecided(0);
    if (picked.answer < 0 || static_cast<std::size_t>(picked.answer) >= place_.sessions.size()) {
      if (!picked.reply.empty()) {
        (void)!::send(app_.fd.get(), picked.reply.data(), picked.reply.size(), MSG_NOSIGNAL);
      }
      return over();
    }
    give(*place_.sessions[static_cast<std::size_t>(picked.answer)], 0);
  }

  std::vector<const ph_config*> candidates() const {
    std::vector<const ph_config*> all;
    for (const Session* session : place_.sessions) all.push_back(session->plugin_config());
    return all;
  }

  void give(Session& chosen, std::uint32_t flags) {
    const int one = 1;
    setsockopt(app_.fd.get(), SOL_SOCKET, SO_RCVLOWAT, &one, sizeof one);
    Connected app = std::move(app_);
    over();  // destroys this: who hears of the app may close this listener
    chosen.app_accepted(std::move(app), flags);
  }

  void undecided(std::uint32_t flags) {
    first_takes_ ? give(*place_.sessions.front(), flags) : over();
  }

  void over() {
    poll_.close();
    place_.undecided.remove_if([this](const auto& one) { return one.get() == this; });
  }

  Loop& loop_;
  Place& place_;
  ssize_t seen_ = 0;
  bool first_takes_ = false;  // who stays undecided is the first session's
  Connected app_;
  Poll poll_;
  Timer timer_;
};

namespace {

// A UNIX socket comes into being closed to everybody; then its group and mode are set.
Result<void> give(const SessionConfig& config) {
  const std::string& path = config.app->path;
  if (!config.app_socket_group.empty()) {
    const group* entry = getgrnam(config.app_socket_group.c_str());
    if (entry == nullptr) {
      return Error{"app_socket_group \"" + config.app_socket_group + "\" is no group of this host",
                   0, Cause::resource};
    }
    if (lchown(path.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) {
      return error_from_errno(
          errno,
          "app unix:" + path + ": the group cannot be set to \"" + config.app_socket_group + "\"",
          Cause::resource);
    }
  }
  const auto mode = static_cast<mode_t>(std::stoul(config.app_socket_mode, nullptr, 8));
  if (chmod(path.c_str(), mode) != 0) {
    return error_from_errno(errno, "app unix:" + path + ": the mode cannot be set",
                            Cause::resource);
  }
  return {};
}

}  // namespace

AppListeners::AppListeners(Loop& loop) : loop_(loop) {}
AppListeners::~AppListeners() = default;

Result<void> AppListeners::open(Session& session) {
  const SessionConfig& config = session.config();
  const Endpoint at = *config.app;
  if (const auto found = places_.find(at); found != places_.end()) {
    // The configuration has checked that they may share; or the other is about to leave it.
    if (at.is_unix()) {
      if (Result<void> given = give(config); !given) return given;
    }
    found->second->sessions.push_back(&session);
    return {};
  }
  auto place = std::make_unique<Place>();
  place->sessions.push_back(&session);
  const mode_t before = at.is_unix() ? umask(0177) : mode_t{0};
  auto opened = Listener::open(loop_, at, Transport{}, false,
                               [this, here = place.get()](Listener::Accepted from) {
                                 accepted(*here, std::move(from.connected));
                               });
  if (at.is_unix()) umask(before);
  if (!opened) {
    opened.error().cause = Cause::resource;
    return std::move(opened).error();
  }
  place->listener = *std::move(opened);
  if (at.is_unix()) {
    if (Result<void> given = give(config); !given) return given;
  } else {
    const Address any4 = *Address::parse("0.0.0.0"), any6 = *Address::parse("::");
    std::vector<Claim> all = {{Prefix{any4, 0}, nullptr, false, place.get()}};
    if (at.address.family == 6) all.push_back({Prefix{any6, 0}, nullptr, false, place.get()});
    if (Result<void> set = place->listener->set_claims(std::move(all)); !set) {
      set.error().cause = Cause::resource;
      return set;
    }
  }
  places_.emplace(at, std::move(place));
  return {};
}

void AppListeners::close(Session& session) {
  for (auto it = places_.begin(); it != places_.end(); ++it) {
    if (std::erase(it->second->sessions, &session) == 0) continue;
    if (it->second->sessions.empty()) places_.erase(it);
    return;
  }
}

void AppListeners::accepted(Place& place, Connected app) {
  if (place.sessions.size() == 1) return place.sessions.front()->app_accepted(std::move(app));
  auto undecided = std::make_unique<Undecided>(loop_, place, std::move(app));
  if (undecided->start()) place.undecided.push_back(std::move(undecided));
}

}  // namespace peerhold

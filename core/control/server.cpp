// Owns the control socket and its callers: who is let in and how many. Made by
// `peerhold run` and by an embedding program that asks for it.
#include "control/server.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <malloc.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "control/caller.hpp"
#include "control/socket.hpp"

namespace peerhold {
namespace {

// Connections at once, by Access: those who may do less cannot shut out those who may do more.
constexpr std::array<std::size_t, 3> most{16, 96, 160};

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::open(Loop& loop, Keeper& keeper, Log& log,
                                                           const std::string& path, Reload reload) {
  if (!reload) reload = [&keeper](bool dry_run) { return keeper.reload(dry_run); };
  auto state = std::make_unique<State>(loop, keeper, log, path, std::move(reload));
  state->read_groups();
  std::vector<std::string> warnings;
  auto socket = open_control_socket(path, state->control, state->read, warnings);
  if (!socket) return std::move(socket).error();
  for (const std::string& text : warnings) log.line(Level::warn, "control-socket", {}, text);
  state->socket = *std::move(socket);
  struct stat st {};
  if (::stat(path.c_str(), &st) == 0) state->inode = st.st_ino;
  auto poll = Poll::open(loop, state->socket.get(), state.get(), Poll::readable);
  if (!poll) return std::move(poll).error();
  state->poll = *std::move(poll);
  return std::unique_ptr<ControlServer>(new ControlServer(std::move(state)));
}

ControlServer::ControlServer(std::unique_ptr<State> state) : s_(std::move(state)) {}
ControlServer::~ControlServer() = default;

void ControlServer::groups_changed() {
  const auto before = std::pair(s_->control, s_->read);
  s_->read_groups();
  if (before == std::pair(s_->control, s_->read)) return;
  std::vector<std::string> warnings;
  give_control_socket(s_->path, s_->control, s_->read, warnings);
  for (const std::string& text : warnings) s_->log.line(Level::warn, "control-socket", {}, text);
}

ControlServer::State::~State() {
  callers.clear();
  poll.close();
  struct stat st {};  // somebody may have put another socket in its place
  if (inode != 0 && ::lstat(path.c_str(), &st) == 0 && st.st_ino == inode) ::unlink(path.c_str());
}

void ControlServer::State::read_groups() {
  const KeeperConfig& config = keeper.keeper_config();
  const KeeperConfig defaults;
  const auto find = [&](const char* option, const std::string& name, bool is_default) {
    const auto id = group_id(name);
    if (!id && !name.empty() && !is_default)
      log.line(Level::warn, "control-group", {{"group", name}},
               "[keeper] " + std::string(option) + ": there is no group " + name +
                   " on this host; nobody is let in by it. Make it with `groupadd --system " +
                   name + "` and reload");
    return id;
  };
  control_name = config.control_group;
  read_name = config.control_read_group;
  control = find("control_group", control_name, control_name == defaults.control_group);
  read = find("control_read_group", read_name, read_name == defaults.control_read_group);
}

void ControlServer::State::ready(unsigned, bool broken) {
  if (broken) {
    log.line(
        Level::error, "control-socket", {},
        "the control socket " + path + " broke; commands reach this keeper no more. Restart it");
    return;
  }
  for (int i = 0; i < 16; ++i) {  // the loop has other work
    Fd fd(::accept4(socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd) {
      take(std::move(fd));
      continue;
    }
    if (errno == EAGAIN) return;
    if (errno == EINTR || errno == ECONNABORTED) continue;
    // Level-triggered readiness would spin: try again in a second.
    const int failed = errno;
    ++accept_failures.count;
    if (accept_failures.tell(loop.now())) {
      log.line(Level::warn, "control-socket", {{"count", std::to_string(accept_failures.count)}},
               error_from_errno(failed, "cannot accept on the control socket").text);
    }
    poll.want(0);
    again.start(Milliseconds{1000});
    return;
  }
}

void ControlServer::State::take(Fd fd) {
  auto user = peer_user(fd.get());
  if (!user) {
    log.line(Level::warn, "control-socket", {}, user.error().text);
    return;
  }
  const Access access = access_of(*user, ::geteuid(), control, read);
  const auto level = static_cast<std::size_t>(access);
  const auto others = static_cast<std::size_t>(std::count_if(
      callers.begin(), callers.end(), [&](const auto& c) { return c->access() <= access; }));
  if (others >= most[level] || callers.size() >= most.back()) {
    const std::string line = refusal_line(
        Refusal::busy, "too many connections to the control socket; end a `peerhold watch`");
    (void)!::send(fd.get(), line.data(), line.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  if (auto caller = Caller::open(*this, std::move(fd), *std::move(user), access))
    callers.push_back(std::move(caller));
}

void ControlServer::State::remove(const Caller* caller) {
  const auto found = std::find_if(callers.begin(), callers.end(),
                                  [&](const auto& c) { return c.get() == caller; });
  if (found == callers.end()) return;
  auto dying = std::move(*found);  // its destructor may come back here by an event
  callers.erase(found);
  const bool large = dying->was_large();
  dying.reset();
  // `status` of a thousand sessions is megabytes of JSON in small pieces, wanted once.
  if (large) malloc_trim(0);
}

void ControlServer::State::refused(const PeerUser& user, std::string_view what) {
  ++refused_count;
  const SteadyTime now = loop.now();
  if (refused_at != SteadyTime{} && now - refused_at < std::chrono::seconds(10)) return;
  refused_at = now;
  log.line(Level::warn, "control-refused",
           {{"uid", std::to_string(user.uid)},
            {"pid", std::to_string(user.pid)},
            {"command", std::string(what)},
            {"count", std::to_string(refused_count)}},
           "a caller of the control socket was refused");
}

}  // namespace peerhold

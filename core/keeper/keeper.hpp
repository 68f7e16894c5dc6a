// Keeper: owns the sessions, the listeners they share, the plugins and the key chains of one
// configuration, on a loop that it is given. Two can live in one process. Loop-thread only.
//
// It knows nothing of the control socket, signals or systemd: core/control and core/cli drive it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/log.hpp"
#include "config/config.hpp"
#include "loop/loop.hpp"
#include "net/counters.hpp"
#include "session/event.hpp"
#include "session/status.hpp"

namespace peerhold {

class Examination;
class Plugins;

struct KeeperSettings {
  std::string config_path;  // read by create() and by every reload
  std::string config_text;  // instead of a file, when config_path is empty (embedding)
  std::vector<std::string>
      plugin_dirs;  // from the command line, searched before [keeper] plugin_dirs
  std::string version;
  // How long a dynamic peer's session is kept without a link; 0: two minutes.
  Milliseconds forget_children_after{0};
};

// What reload does with one session (or would do). `keys` are the configuration keys that differ.
struct ReloadAction {
  enum class What : std::uint8_t { keep, live, restart, add, remove } what;
  std::string session;
  std::vector<std::string> keys;
};

struct ReloadOutcome {
  bool ok = false;  // false: nothing was changed; see diagnostics
  std::vector<Diagnostic> diagnostics;
  std::vector<ReloadAction> actions;
};

struct KeeperStatus {
  std::string version, config;
  WallTime started;
  bool tcp_md5 = false, tcp_ao = false;
  std::size_t sessions = 0, established = 0;
  bool ready = false;  // every session has been started
  bool draining = false;
};

struct KeyStatus {
  struct OneKey {
    std::uint32_t id = 0;
    std::optional<WallTime> start, end;
    bool valid = false;
    std::vector<std::string> in_use_by;
    std::optional<WallTime> last_used, last_sent, last_received;
  };
  std::string name, rollover;
  std::vector<OneKey> keys;
};

// What `peerhold doctor` says.
struct Diagnosis {
  struct Found {
    std::string code;                // "not-signing" … (auth/diagnosis.hpp)
    std::vector<std::string> lines;  // what is so, why, what to do
  };
  struct OfSession {
    std::string name, peer;
    std::vector<Found> found;  // the worst first; empty: all is well
  };
  struct Host {
    std::string kernel;
    bool tcp_md5 = false, may_capture = false, may_bind_low = false;
    std::string capture_text;  // why it may not look at the wire
    std::size_t optmem_max = 0, keys_per_listener = 0;
    AuthCounters counters;
  };
  std::vector<OfSession> sessions;
  std::optional<Host> host;  // when it was asked about all sessions
};

// What is handed to a session's plugin; refresh is `reset --soft`.
enum class Command : std::uint8_t { hold, release, refresh };

class Keeper {
 public:
  // Loads and checks everything that needs no socket: configuration, plugins, key files. Null on an
  // error; diagnostics (warnings too) either way.
  static std::unique_ptr<Keeper> create(Loop&, KeeperSettings, Log&, std::vector<Diagnostic>&);
  ~Keeper();

  const KeeperConfig& keeper_config() const;
  Config config() const;  // a copy, put together from the sessions as they are
  // Where to write down when sessions were last established, for a keeper after this one; before
  // start(). Without it that is known of this keeper's own sessions only.
  void keep_marks_in(const std::string& runtime_dir);
  void start();
  // SIGTERM: listeners close, persistent links say goodbye, per-client links may end by themselves
  // within drain_timeout. `done` runs once, on a later turn.
  void drain(std::function<void()> done);
  ReloadOutcome reload(bool dry_run);
  // What the next reload reads instead of KeeperSettings::config_text (embedding). An error when
  // the configuration is a file.
  Result<void> set_text(std::string text);

  KeeperStatus status() const;
  bool has(const std::string& name) const;
  std::vector<std::string> names() const;  // as configured: without those of dynamic peers
  std::vector<SessionStatus> sessions(
      const std::string& only = {}) const;  // in configuration order
  std::vector<KeyStatus> keys(const std::string& only_chain = {}) const;
  const Plugins& plugins() const;

  // What to tell somebody who names a session that is not there, with the nearest that is.
  std::string no_session(const std::string& name) const;
  // Operator commands; an error says why it could not be done. `name` must exist (has()).
  Result<void> up(const std::string& name);
  Result<void> down(const std::string& name, const std::string& message);
  Result<void> reset(const std::string& name, const std::string& message);
  // What the plugin replies. The error's code is ENOTSUP when it knows no such thing.
  Result<std::string> command(const std::string& name, Command, Milliseconds length);
  // `key use`: moves the session to that key of its chain; what is happening, in words. The error's
  // code is ENOKEY when there is no such key.
  Result<std::string> use_key(const std::string& name, std::uint32_t id);
  // `fd` (a connected stream socket, owned from here on) becomes an app of the session.
  Result<void> attach(const std::string& name, Fd& fd,
                      std::string_view greeting);  // Session::attach
  // Is there a link (up or opening) between this peer address and source? For `probe`.
  bool has_link_with(const Address& peer, const std::optional<Address>& source) const;

  // Why is that session (empty: any) not well? Takes some seconds when one is not; never dials
  // while its link is up or opening. `done` runs once, on a later turn, unless what is returned has
  // been destroyed; it may destroy it.
  std::unique_ptr<Examination> examine(const std::string& only,
                                       std::function<void(Diagnosis)> done);

  // Every event, in order, until unsubscribed. May be called inside a callback.
  std::uint64_t subscribe(std::function<void(const Event&)>);
  void unsubscribe(std::uint64_t);
  // Records an operator command, once it is known what became of it (event `operator`, one log line
  // with uid and pid). `refusal`: why it was not done; empty: it was.
  void note_operator(const std::string& session, const std::string& command, unsigned uid, int pid,
                     const std::string& refusal);

 private:
  struct State;
  explicit Keeper(std::unique_ptr<State>);
  std::unique_ptr<State> s_;
};

}  // namespace peerhold

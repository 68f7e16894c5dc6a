// `peerhold run`: the keeper as a program: signals, the service manager, the control socket. Called
// by main.
#include <csignal>

#include "base/systemd.hpp"
#include "cli/commands.hpp"
#include "cli/key_room.hpp"
#include "cli/process.hpp"
#include "cli/service.hpp"
#include "control/json.hpp"
#include "control/server.hpp"
#include "control/socket.hpp"
#include "net/tcp_auth.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace peerhold::cli {
namespace {

class Daemon {
 public:
  Daemon(Loop& loop, Log& log, Keeper& keeper) : loop_(loop), log_(log), keeper_(keeper) {}
  ~Daemon() {
    if (subscription_ != 0) keeper_.unsubscribe(subscription_);
  }

  // A refusal ends the program with this exit code.
  int open(const std::string& control) {
    apply_log();
    auto server = ControlServer::open(loop_, keeper_, log_, control,
                                      [this](bool dry_run) { return reload(dry_run); });
    if (!server) {
      complain(server.error().text);
      return server.error().code == EADDRINUSE ? usage : failed;
    }
    server_ = *std::move(server);
    keeper_.keep_marks_in(runtime_directory(control));
    return ok;
  }

  void start() {
    const KeeperStatus status = keeper_.status();
    say(Level::info, "keeper-start",
        {{"version", status.version},
         {"pid", std::to_string(::getpid())},
         {"config", status.config},
         {"sessions", std::to_string(status.sessions)}},
        "peerhold keeps its sessions from here on");
    look_at_kernel();
    subscription_ = keeper_.subscribe([this](const Event&) {
      // A thousand sessions that move at once are one line for the service manager.
      if (!tell_.running()) tell_.start(Milliseconds(200));
    });
    keeper_.start();
    tell();
    service_.ready();
    // What reading the configuration took is given back; a thousand sessions leave megabytes.
    ::malloc_trim(0);
  }

 private:
  void say(Level at, std::string_view event, std::initializer_list<Log::Field> fields,
           std::string_view text) {
    if (log_.enabled(at, log_.level())) log_.line(at, event, fields, text);
  }

  void apply_log() {
    const KeeperConfig& config = keeper_.keeper_config();
    const bool journal = !config.log_format_given && systemd::is_journal(STDERR_FILENO);
    log_.set(journal ? LogFormat::journal : config.log_format, config.log_level);
  }

  // What no session can help, said once and with the remedy.
  void look_at_kernel() {
    const Config config = keeper_.config();
    const bool keyed = std::any_of(config.sessions.begin(), config.sessions.end(),
                                   [](const SessionConfig& s) { return !s.keychain.empty(); });
    if (!keyed) return;
    const tcp_auth::Support support = tcp_auth::probe();
    if (!support.tcp_md5) {
      say(Level::error, "no-tcp-md5", {}, support.text);
      return;
    }
    const std::size_t room = tcp_auth::keys_per_socket();
    if (room == 0) return;  // cannot be read here; the first key that does not fit says so
    for (const Crowded& c : crowded_listeners(config, room))
      say(Level::error, "key-room", {{"listener", c.listener}, {"keys", std::to_string(c.keys)}},
          "a socket takes " + std::to_string(room) +
              " keys on this host, so that some sessions of this listener will wait in "
              "backoff; `sysctl -w net.core.optmem_max=" +
              std::to_string(tcp_auth::optmem_needed(c.keys)) +
              "` makes room (and a file in /etc/sysctl.d keeps it), or one key may serve a "
              "prefix by [[listen]]");
  }

  void tell() {
    const KeeperStatus s = keeper_.status();
    service_.status((s.draining ? "stopping, " : "") + std::to_string(s.established) + " of " +
                    std::to_string(s.sessions) +
                    (s.sessions == 1 ? " session established" : " sessions established"));
  }

  ReloadOutcome reload(bool dry_run) {
    if (dry_run || stopping_) return keeper_.reload(dry_run);  // it refuses while it stops
    service_.reloading();
    ReloadOutcome outcome = keeper_.reload(false);
    if (outcome.ok) {
      apply_log();
      server_->groups_changed();
      look_at_kernel();
    }
    service_.ready();
    tell();
    ::malloc_trim(0);
    return outcome;
  }

  void hang_up() {
    if (stopping_) return say(Level::warn, "reload", {}, "not done: the keeper is stopping");
    const ReloadOutcome outcome = reload(false);
    for (const Diagnostic& d : outcome.diagnostics)  // nobody else would hear of them
      log_.line(
          d.severity == Diagnostic::error ? Level::error : Level::warn, "config",
          {{"at", d.at.file + ":" + std::to_string(d.at.line) + ":" + std::to_string(d.at.column)}},
          d.text);
  }

  void stop(std::string_view signal) {
    say(Level::info, "keeper-stop", {{"signal", std::string(signal)}},
        stopping_ ? "ends at once" : "drains; a second signal ends it at once");
    if (stopping_) {
      loop_.stop();
      return;
    }
    stopping_ = true;
    service_.stopping();
    keeper_.drain([this] { loop_.stop(); });
    tell();
  }

  Loop& loop_;
  Log& log_;
  Keeper& keeper_;
  Service service_{loop_};
  std::unique_ptr<ControlServer> server_;
  Timer tell_{loop_, [this] { tell(); }};
  Signal term_{loop_, SIGTERM, [this] { stop("SIGTERM"); }};
  Signal interrupt_{loop_, SIGINT, [this] { stop("SIGINT"); }};
  // Many at once are one reload, and what else waits has its turn between two of them.
  Timer hang_up_soon_{loop_, [this] { hang_up(); }};
  Signal hang_up_{loop_, SIGHUP, [this] {
                    if (!hang_up_soon_.running()) hang_up_soon_.start(Milliseconds(0));
                  }};
  std::uint64_t subscription_ = 0;
  bool stopping_ = false;
};

int run_keeper(const Arguments& arguments) {
  prepare_process();
  hold_signals({SIGHUP}, true);  // a reload during the start is done after it
  KeeperSettings settings;
  settings.config_path = arguments.value("config", std::string(default_config));
  settings.plugin_dirs = arguments.values("plugin-dir");
  settings.version = PEERHOLD_VERSION;
  Loop loop;
  Log log;
  std::vector<Diagnostic> diagnostics;
  const auto keeper = Keeper::create(loop, settings, log, diagnostics);
  for (const Diagnostic& d : diagnostics) complain_lines(diagnostic_line(d) + "\n");
  if (!keeper) {
    complain("the configuration has errors; nothing was started");
    return usage;
  }
  Daemon daemon(loop, log, *keeper);
  // On the command line, not in the environment: that names the keeper to talk to.
  const std::string control =
      arguments.control_given ? arguments.control : keeper->keeper_config().control;
  if (const int code = daemon.open(control); code != ok) return code;
  daemon.start();
  hold_signals({SIGHUP}, false);
  loop.run();
  // The handlers go before the process does; one more signal must not change how it ends.
  hold_signals({SIGHUP, SIGTERM, SIGINT}, true);
  return ok;
}

}  // namespace

Command run_command() {
  return {"run",
          "[-c FILE] [--plugin-dir DIR]...",
          "runs a keeper in the foreground",
          "Logs on stderr. Readiness, status and watchdog go to systemd when it asks for them.\n"
          "SIGTERM and SIGINT drain: persistent links say goodbye, per-client links may end by\n"
          "themselves within drain_timeout; a second one ends at once. SIGHUP reloads. --control\n"
          "puts the control socket elsewhere than [keeper] control says.\n\n"
          "Exit: 0 stopped by a signal, 2 wrong use or configuration, or a keeper answers on the\n"
          "control socket already, 1 what concerns the whole failed at run time.\n\n"
          "Examples:\n"
          "  peerhold run\n"
          "  peerhold run -c peerhold.toml --control ./control.sock",
          {config_option, plugin_dir_option},
          0,
          0,
          run_keeper};
}

}  // namespace peerhold::cli

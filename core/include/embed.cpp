// The embedding facade (peerhold/keeper.hpp): translates between its std types and the keeper. Owns
// what `peerhold run` owns in a process of its own: log, keeper, control socket. Called by other
// people's programs, so that nothing process-wide happens here.
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "control/json.hpp"
#include "control/server.hpp"
#include "control/socket.hpp"
#include "peerhold/keeper.hpp"

namespace peerhold::embed {
namespace {

std::vector<std::string> lines_of(const std::vector<Diagnostic>& diagnostics) {
  std::vector<std::string> out;
  for (const Diagnostic& d : diagnostics) out.push_back(diagnostic_line(d));
  return out;
}

std::string text_of(const Result<void>& done) {
  return done ? std::string() : done.error().text;
}

}  // namespace

// Log lines may come from any thread, the program's callback is promised the loop: a pipe lies
// between. What nobody reads in time is lost, as with every log.
struct Keeper::State final : private Poll::Target {
  State(uv_loop_s* given, Options o)
      : options(std::move(o)),
        loop(given),
        log(options.log ? open_pipe() : STDERR_FILENO, LogFormat::text, Level::info, !options.log) {
  }

  ~State() {
    finished.stop();
    control.reset();
    keeper.reset();
    if (options.log) read_log();
    log_poll.close();
  }

  int open_pipe() {
    int ends[2] = {-1, -1};
    if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return STDERR_FILENO;
    log_read.reset(ends[0]);
    log_write.reset(ends[1]);
    return log_write.get();
  }

  // Errors of the whole, in words; empty: all is well.
  std::vector<std::string> open(KeeperSettings settings) {
    if (log_read) {
      auto poll = Poll::open(loop, log_read.get(), this, Poll::readable);
      if (!poll) return {poll.error().text};
      log_poll = *std::move(poll);
    } else if (options.log) {
      return {error_from_errno(errno, "cannot make a pipe for the log").text};
    }
    settings.plugin_dirs = options.plugin_dirs;
    settings.version = PEERHOLD_VERSION;
    std::vector<Diagnostic> diagnostics;
    keeper = peerhold::Keeper::create(loop, std::move(settings), log, diagnostics);
    std::vector<std::string> out = lines_of(diagnostics);
    if (!keeper) return out;
    apply_log();
    if (!options.control_socket) return out;
    auto server = ControlServer::open(loop, *keeper, log, keeper->keeper_config().control,
                                      [this](bool dry_run) { return reload(dry_run); });
    if (server) {
      control = *std::move(server);
      keeper->keep_marks_in(runtime_directory(keeper->keeper_config().control));
    } else {
      out.push_back(server.error().text);
      keeper.reset();
    }
    return out;
  }

  void apply_log() {
    const KeeperConfig& config = keeper->keeper_config();
    // A callback is given every line, also where the configuration names the journal.
    const bool text = options.log && config.log_format == LogFormat::journal;
    log.set(text ? LogFormat::text : config.log_format, config.log_level);
  }

  ReloadOutcome reload(bool dry_run) {
    ReloadOutcome outcome = keeper->reload(dry_run);
    if (!outcome.ok || dry_run) return outcome;
    apply_log();
    if (control) control->groups_changed();
    return outcome;
  }

  void ready(unsigned, bool) override { read_log(); }

  void read_log() {
    std::array<char, 4096> chunk;
    for (;;) {
      const ssize_t n = ::read(log_read.get(), chunk.data(), chunk.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) break;
      log_text.append(chunk.data(), static_cast<std::size_t>(n));
    }
    const std::size_t whole = log_text.rfind('\n') + 1;
    const std::string lines = log_text.substr(0, whole);
    log_text.erase(0, whole);
    const auto say = options.log;  // the callback may end this object
    std::size_t start = 0;
    for (std::size_t end; (end = lines.find('\n', start)) != std::string::npos; start = end + 1)
      say(lines.substr(start, end - start));
  }

  Options options;
  Loop loop;
  Fd log_read, log_write;
  Poll log_poll;
  std::string log_text;
  Log log;
  std::unique_ptr<peerhold::Keeper> keeper;
  std::unique_ptr<ControlServer> control;
  std::function<void()> done;
  // stop() calls back from here, where the keeper may be destroyed.
  Timer finished{loop, [this] { std::exchange(done, {})(); }};
};

Keeper::Keeper(std::unique_ptr<State> state) : s_(std::move(state)) {}
Keeper::~Keeper() = default;

Made Keeper::from_file(uv_loop_s* loop, const std::string& path, Options options) {
  Made made;
  auto state = std::make_unique<State>(loop, std::move(options));
  KeeperSettings settings;
  settings.config_path = path;
  made.errors = state->open(std::move(settings));
  if (state->keeper) made.keeper.reset(new Keeper(std::move(state)));
  return made;
}

Made Keeper::from_toml(uv_loop_s* loop, const std::string& text, Options options) {
  Made made;
  auto state = std::make_unique<State>(loop, std::move(options));
  KeeperSettings settings;
  settings.config_text = text;
  made.errors = state->open(std::move(settings));
  if (state->keeper) made.keeper.reset(new Keeper(std::move(state)));
  return made;
}

void Keeper::start() {
  s_->keeper->start();
}

void Keeper::stop(std::function<void()> done) {
  s_->done = std::move(done);
  s_->keeper->drain([state = s_.get()] {
    if (state->done) state->finished.start(Milliseconds(0));
  });
}

std::vector<std::string> Keeper::reload() {
  const ReloadOutcome outcome = s_->reload(false);
  return outcome.ok ? std::vector<std::string>() : lines_of(outcome.diagnostics);
}

std::vector<std::string> Keeper::reload_toml(const std::string& text) {
  if (const auto refused = s_->keeper->set_text(text); !refused) return {refused.error().text};
  return reload();
}

std::string Keeper::status(const std::string& session) const {
  if (!session.empty() && !s_->keeper->has(session)) return {};
  return status_json(s_->keeper->status(), ::getpid(), s_->keeper->sessions(session),
                     !session.empty());
}

std::uint64_t Keeper::subscribe(std::function<void(const Event&)> hear) {
  return s_->keeper->subscribe([hear = std::move(hear)](const peerhold::Event& e) {
    Event out;
    out.unix_seconds = std::chrono::system_clock::to_time_t(e.time);
    out.session = e.session;
    out.kind = to_string(e.kind);
    out.from = e.from;
    out.to = e.to;
    out.cause = e.cause;
    out.text = e.text;
    hear(out);
  });
}

void Keeper::unsubscribe(std::uint64_t id) {
  s_->keeper->unsubscribe(id);
}

std::string Keeper::attach(const std::string& session, int fd) {
  Fd owned(fd);
  if (!s_->keeper->has(session)) return s_->keeper->no_session(session);
  ::fcntl(fd, F_SETFD, FD_CLOEXEC);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  const int yes = 1;  // what an accepted app has from its listener; a UNIX socket refuses
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return text_of(s_->keeper->attach(session, owned, {}));
}

std::string Keeper::up(const std::string& session) {
  return s_->keeper->has(session) ? text_of(s_->keeper->up(session))
                                  : s_->keeper->no_session(session);
}

std::string Keeper::down(const std::string& session, const std::string& message) {
  return s_->keeper->has(session) ? text_of(s_->keeper->down(session, message))
                                  : s_->keeper->no_session(session);
}

std::string Keeper::reset(const std::string& session, const std::string& message) {
  return s_->keeper->has(session) ? text_of(s_->keeper->reset(session, message))
                                  : s_->keeper->no_session(session);
}

}  // namespace peerhold::embed

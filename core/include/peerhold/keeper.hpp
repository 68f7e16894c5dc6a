// peerhold/keeper.hpp - a keeper inside your own program, on your own libuv loop.
//
//   uv_loop_t* loop = uv_default_loop();
//   auto made = peerhold::embed::Keeper::from_file(loop, "/etc/peerhold/peerhold.toml");
//   if (!made.keeper) { print(made.errors); return 2; }
//   made.keeper->start();
//   uv_run(loop, UV_RUN_DEFAULT);
//
// Everything here is loop-thread only. Any number of keepers may share a loop. What is process-wide
// (signals, umask, sd_notify, resource limits, the control socket's place) stays with your program.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

struct uv_loop_s;

namespace peerhold::embed {

struct Options {
  std::vector<std::string> plugin_dirs;  // searched before those of the configuration
  bool control_socket = false;           // open [keeper] control, for the `peerhold` commands
  // Each log line without newline, in text without its time; none: stderr.
  std::function<void(const std::string& line)> log;
};

// As one line of `peerhold watch --json` says it; empty strings where a field does not apply.
struct Event {
  std::int64_t unix_seconds = 0;
  std::string session, kind, from, to, cause, text;
};

class Keeper;

struct Made {
  std::unique_ptr<Keeper> keeper;   // null when anything is wrong
  std::vector<std::string> errors;  // "FILE:LINE:COL: error: TEXT", warnings too
};

class Keeper {
 public:
  // Reads and checks; opens no socket to a peer. `loop` must outlive the keeper, and must be run
  // until stop() has called back before the keeper is destroyed; destroying it earlier ends every
  // link at once (the loop must still turn once for its handles to close).
  static Made from_file(uv_loop_s* loop, const std::string& path, Options = {});
  static Made from_toml(uv_loop_s* loop, const std::string& text, Options = {});
  ~Keeper();
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;

  void start();
  // Drains as SIGTERM does; `done` runs once, on a later turn of the loop.
  void stop(std::function<void()> done);
  // Re-reads file or text; empty on success, else the errors, and nothing has changed.
  std::vector<std::string> reload();
  std::vector<std::string> reload_toml(const std::string& text);
  // `peerhold status --json`; with a name that one session, or "" when there is none of that name.
  std::string status(const std::string& session = {}) const;
  // Every event until unsubscribe(); the callback may call back into the keeper, but not destroy
  // it.
  std::uint64_t subscribe(std::function<void(const Event&)>);
  void unsubscribe(std::uint64_t);
  // Makes `fd`, a connected stream socket, an app of the session. Owned by the keeper from here on,
  // also on failure. Empty on success, else what went wrong.
  std::string attach(const std::string& session, int fd);
  std::string up(const std::string& session);
  std::string down(const std::string& session, const std::string& message = {});
  std::string reset(const std::string& session, const std::string& message = {});

 private:
  struct State;
  explicit Keeper(std::unique_ptr<State>);
  std::unique_ptr<State> s_;
};

}  // namespace peerhold::embed

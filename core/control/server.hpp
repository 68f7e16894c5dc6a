// ControlServer: answers `peerhold status`, `up`, `reload` … on a UNIX socket
// (control/protocol.hpp).
//
// Loop-thread only. A caller costs a bounded amount of memory and time whatever it sends: a request
// has ten seconds and 64 KiB, an answer ten seconds to be read, a watcher a backlog of 256 KiB.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "keeper/keeper.hpp"

namespace peerhold {

class ControlServer {
 public:
  // What `reload` does; the program around the keeper has its own part in it (logs, systemd).
  using Reload = std::function<ReloadOutcome(bool dry_run)>;
  // `keeper` and `log` must outlive it. The error's code is EADDRINUSE when a keeper answers at
  // `path`. An empty `reload` is keeper.reload().
  static Result<std::unique_ptr<ControlServer>> open(Loop&, Keeper& keeper, Log& log,
                                                     const std::string& path, Reload reload = {});
  ~ControlServer();  // removes the socket
  // The groups of a configuration that was reloaded.
  void groups_changed();

  struct State;

 private:
  explicit ControlServer(std::unique_ptr<State>);
  std::unique_ptr<State> s_;
};

}  // namespace peerhold

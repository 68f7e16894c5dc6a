// EstablishedFiles: when each session was last established, kept where a restart of the keeper does
// not lose it and a restart of the machine does: one empty file a session under the runtime
// directory, whose time of modification is what counts. A directory that cannot be used costs a
// debug line and nothing else.
#pragma once

#include <optional>
#include <string>

#include "base/log.hpp"
#include "base/units.hpp"

namespace peerhold {

class EstablishedFiles {
 public:
  // In `runtime_dir`/established, which is made when it is needed.
  EstablishedFiles(std::string runtime_dir, Log&);

  void mark(const std::string& session);  // established now, or until now
  void forget(const std::string& session);
  // None: never on this boot, or nobody knows.
  std::optional<Milliseconds> ago(const std::string& session) const;

 private:
  std::string path_of(const std::string& session) const;  // empty: no name for a file
  std::string dir_;
  Log& log_;
  bool told_ = false;
};

}  // namespace peerhold

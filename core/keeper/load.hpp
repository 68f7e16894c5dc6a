// Everything that a keeper needs and that can be read and checked without opening a socket:
// configuration, plugins, key chains. `run`, `check` and every reload go through here.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "auth/chain.hpp"
#include "config/config.hpp"
#include "keeper/keeper.hpp"
#include "plugin/plugins.hpp"

namespace peerhold {

struct Everything {
  Config config;
  std::map<std::string, KeyChain> chains;
  std::vector<Diagnostic> diagnostics;  // sorted by place
  std::size_t skipped = 0;              // secret files that could not be read (skip_unreadable)
  bool ok() const { return !any_error(diagnostics); }
};

// `skip_unreadable`: `check --no-secrets`.
Everything load_everything(const KeeperSettings&, Plugins&, bool skip_unreadable = false);

}  // namespace peerhold

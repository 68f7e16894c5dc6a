// Three plugins as the loader sees them, so that its tests need no plugin file.
#pragma once

#include "config/config.hpp"

namespace peerhold::test {

// raw: both kinds of link. bgp: persistent only, a port of its own. tls: per-client only, shares an
// app.
Result<const PluginFacts*> find_plugin(const std::string& name, const KeeperConfig&);

}  // namespace peerhold::test

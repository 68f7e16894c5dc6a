// Reload as a value: what differs between two configurations, and what each difference costs.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "auth/chain.hpp"
#include "config/config.hpp"
#include "keeper/keeper.hpp"

namespace peerhold {

// One action for each session of either configuration: those of the new one in its order, then
// those that are removed. `schema_of` gives the option schema of a plugin that is loaded.
std::vector<ReloadAction> diff(
    const Config& from, const Config& to, const std::map<std::string, KeyChain>& old_chains,
    const std::map<std::string, KeyChain>& new_chains,
    const std::function<const Schema*(const std::string& plugin)>& schema_of);

}  // namespace peerhold

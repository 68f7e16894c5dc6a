// load_everything: called by Keeper::create, Keeper::reload and `peerhold check`.
#include "keeper/load.hpp"

#include <algorithm>
#include <cstdlib>
#include <tuple>

namespace peerhold {

Everything load_everything(const KeeperSettings& settings, Plugins& plugins, bool skip_unreadable) {
  LoadRequest request;
  request.path = settings.config_path;
  request.plugin = [&](const std::string& name,
                       const KeeperConfig& keeper) -> Result<const PluginFacts*> {
    Result<const Library*> found = plugins.find(name, keeper.plugin_dirs);
    if (!found) return std::move(found).error();
    return &(*found)->facts();
  };
  Loaded loaded = settings.config_path.empty()
                      ? load_config_text(settings.config_text, "configuration", request)
                      : load_config(request);
  Everything all;
  all.config = std::move(loaded.config);
  all.diagnostics = std::move(loaded.diagnostics);

  SecretPolicy policy;
  if (!all.config.keeper.secret_file_private) policy.readers = SecretPolicy::Readers::all;
  if (const char* directory = std::getenv("CREDENTIALS_DIRECTORY")) {
    policy.credentials_directory = directory;
  }
  policy.skip_unreadable = skip_unreadable;
  for (const KeyChainConfig& chain : all.config.keychains) {
    auto keys =
        load_chain(chain, policy, std::chrono::system_clock::now(), all.diagnostics, &all.skipped);
    if (keys) all.chains.emplace(chain.name, *std::move(keys));
  }
  std::ranges::stable_sort(all.diagnostics, [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.at.file, a.at.line, a.at.column) <
           std::tie(b.at.file, b.at.line, b.at.column);
  });
  return all;
}

}  // namespace peerhold

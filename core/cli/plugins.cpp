// `peerhold plugins`: the plugins on disk and their options; no keeper is needed. Called by main.
#include "plugin/plugins.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/plugins_text.hpp"
#include "control/json.hpp"

namespace peerhold::cli {
namespace {

// [keeper] plugin_dirs of the file, whatever else is wrong in it; the default without a file.
KeeperConfig keeper_of(const std::string& file) {
  LoadRequest request;
  request.path = file;
  request.plugin = [](const std::string&, const KeeperConfig&) -> Result<const PluginFacts*> {
    return Error{"not asked for"};
  };
  if (file.empty()) return load_config_text("", "", request).config.keeper;
  return load_config(request).config.keeper;
}

int run_plugins(const Arguments& arguments) {
  std::string file = arguments.value("config", std::string(default_config));
  if (::access(file.c_str(), R_OK) != 0) {
    if (arguments.has("config")) {
      complain("cannot read " + file + ": " + std::strerror(errno));
      return usage;
    }
    file.clear();
  }
  Plugins plugins(arguments.values("plugin-dir"));
  std::vector<std::string> refused;
  const std::vector<std::string> configured = keeper_of(file).plugin_dirs;
  std::string searched;
  for (const auto& dirs : {arguments.values("plugin-dir"), configured})
    for (const std::string& dir : dirs) searched += (searched.empty() ? "" : ", ") + dir;
  std::vector<const Library*> all = plugins.all(configured, refused);
  if (const std::string name = arguments.name(); !name.empty()) {
    std::erase_if(all, [&](const Library* library) { return library->name() != name; });
    if (all.empty()) {
      for (const std::string& text : refused) complain(text);
      complain("there is no plugin \"" + name + "\" in " + searched +
               "; `peerhold plugins` lists those there are");
      return no_such;
    }
  } else {
    for (const std::string& text : refused) complain(text);
    if (all.empty())
      complain("no plugins were found in " + searched + "; --plugin-dir says where else to look");
  }
  const std::string json = plugins_json(all);
  return print(arguments.has("json") ? pretty(json) : plugins_text(json, look_of_stdout()))
             ? ok
             : failed;
}

}  // namespace

Command plugins_command() {
  return {
      "plugins",
      "[NAME] [-c FILE] [--plugin-dir DIR]... [--json]",
      "lists the plugins found, with every option",
      "Needs no running keeper: looks where a keeper with this configuration would look. RELOAD\n"
      "says what a change of the option needs: `live` is taken under the running link.\n\n"
      "Exit: 0, 3 no such plugin, 2 no such configuration file.\n\n"
      "Examples:\n"
      "  peerhold plugins\n"
      "  peerhold plugins bgp\n"
      "  peerhold plugins --json | jq -r '.plugins[].name'",
      {config_option, plugin_dir_option, {"json", "", "for scripts: one JSON object"}},
      0,
      1,
      run_plugins};
}

}  // namespace peerhold::cli

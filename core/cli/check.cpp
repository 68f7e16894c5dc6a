// `peerhold check`: everything that can be said about a configuration without opening a socket.
// Called by main.
#include <algorithm>

#include "cli/commands.hpp"
#include "control/json.hpp"
#include "keeper/load.hpp"

namespace peerhold::cli {
namespace {

std::string skipped_text(std::size_t n) {
  return std::to_string(n) +
         (n == 1 ? " secret file was not looked at: it is not there, or this user cannot read it"
                 : " secret files were not looked at: they are not there, or this user cannot read "
                   "them");
}

int print_effective(const Config& config, const std::string& name) {
  const bool known = name.empty() || std::any_of(config.sessions.begin(), config.sessions.end(),
                                                 [&](const auto& s) { return s.name == name; });
  if (known) return print(print_config(config, name)) ? ok : failed;
  std::vector<std::string> names;
  for (const SessionConfig& s : config.sessions) names.push_back(s.name);
  complain("the configuration has no session \"" + name + "\"" + did_you_mean(name, names));
  return usage;
}

int run_check(const Arguments& arguments) {
  KeeperSettings settings;
  settings.config_path = arguments.value("config", std::string(default_config));
  settings.plugin_dirs = arguments.values("plugin-dir");
  if (!arguments.names.empty() && !arguments.has("print")) {
    complain("\"" + arguments.name() +
             "\" is too much: a file goes with -c, a session's name with --print");
    return usage;
  }
  Plugins plugins(settings.plugin_dirs);
  const Everything all = load_everything(settings, plugins, arguments.has("no-secrets"));
  for (const Diagnostic& d : all.diagnostics) complain_lines(diagnostic_line(d) + "\n");
  if (all.skipped > 0) complain(skipped_text(all.skipped));
  if (!all.ok()) return usage;
  return arguments.has("print") ? print_effective(all.config, arguments.name()) : ok;
}

}  // namespace

Command check_command() {
  return {
      "check",
      "[-c FILE] [--print [NAME]] [--no-secrets] [--plugin-dir DIR]...",
      "says whether a configuration is right, and all that is wrong with it",
      "Looks at the file and what it includes, the plugins and their options, and the secret\n"
      "files; opens no socket. One line a fault on stderr, `FILE:LINE:COL: error: TEXT`; warnings\n"
      "the same way. --print prints the effective configuration, or one session of it, with the\n"
      "origin of each value and secrets as `<secret>`.\n\n"
      "Exit: 0 no error, 2 errors.\n\n"
      "Examples:\n"
      "  peerhold check\n"
      "  peerhold check -c peerhold.toml --print edge1\n"
      "  peerhold check --no-secrets             before the keys are made, or as a user who may "
      "not\n"
      "                                          read them",
      {config_option,
       {"print", "", "print the effective configuration; with NAME that of one session"},
       {"no-secrets", "", "skip secret files that are absent or cannot be read, and say how many"},
       plugin_dir_option},
      0,
      1,
      run_check};
}

}  // namespace peerhold::cli

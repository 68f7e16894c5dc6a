// The subcommands, one file each.
#pragma once

#include "cli/command.hpp"

namespace peerhold::cli {

inline constexpr std::string_view default_config = "/etc/peerhold/peerhold.toml";
inline constexpr OptionSpec config_option{
    "config,c", "FILE", "the configuration (default: /etc/peerhold/peerhold.toml)"};
inline constexpr OptionSpec plugin_dir_option{
    "plugin-dir", "DIR", "look for plugins here before the configured directories; may be repeated",
    true};

Command run_command();
Command check_command();
Command status_command();
Command watch_command();
Command up_command();
Command down_command();
Command reset_command();
Command hold_command();
Command release_command();
Command reload_command();
Command key_generate_command();
Command key_list_command();
Command key_use_command();
Command plugins_command();
Command attach_command();
Command probe_command();
Command doctor_command();

}  // namespace peerhold::cli

// A subcommand of the program as a value, and the command line parsed for it. Boost.Program_options
// does the parsing (arguments.cpp); help is made from these values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace peerhold::cli {

// Exit codes; scripts depend on them.
enum Exit : int {
  ok = 0,
  failed = 1,     // run-time failure of the whole; a keeper that refuses or cannot
  usage = 2,      // bad usage or configuration
  no_such = 3,    // no such session, chain or key
  no_keeper = 4,  // no keeper answers
  found = 5,      // probe: not accepted; doctor: something found
};

struct OptionSpec {
  std::string_view name;         // "config,c" as Boost writes it: long name, one letter
  std::string_view placeholder;  // empty: a flag
  std::string_view help;
  bool many = false;  // may be given several times
};

struct Arguments {
  std::string control;             // --control, else $PEERHOLD_CONTROL, else the default path
  bool control_given = false;      // on the command line
  std::vector<std::string> names;  // what is not an option
  std::map<std::string, std::vector<std::string>, std::less<>> options;

  bool has(std::string_view option) const { return options.find(option) != options.end(); }
  // The value given, or `otherwise`.
  std::string value(std::string_view option, std::string otherwise = {}) const;
  std::vector<std::string> values(std::string_view option) const;
  // The first name, or empty.
  std::string name() const { return names.empty() ? std::string() : names.front(); }
};

struct Command {
  std::string_view name;      // "key list" is two words
  std::string_view synopsis;  // what follows the name in the usage line
  std::string_view summary;   // one line for the list of commands
  std::string_view text;      // what else help says, examples included
  std::vector<OptionSpec> options;
  std::size_t min_names = 0, max_names = 0;
  int (*run)(const Arguments&) = nullptr;
};

// Every subcommand, in the order of the help text.
const std::vector<Command>& commands();

struct Parsed {
  const Command* command = nullptr;  // to be run with `arguments`; else:
  Arguments arguments;
  std::string help;   // to be printed on stdout, exit 0
  std::string error;  // to be printed on stderr, exit 2
};
// `environment_control`: $PEERHOLD_CONTROL, or empty.
Parsed parse_command_line(const std::vector<std::string>& words, const std::vector<Command>&,
                          const std::string& environment_control, std::string_view version);
std::string program_help(const std::vector<Command>&);

// "peerhold: TEXT" on stderr, control characters escaped.
void complain(std::string_view text);
// Whole lines on stderr as they are (they were escaped already), without "peerhold: ".
void complain_lines(std::string_view lines);
// On stdout; false (and a complaint) when it cannot be written there.
bool print(std::string_view text);

}  // namespace peerhold::cli

// `peerhold key list`: which keys there are, when they are valid, and who uses them. Called by
// main. Secrets never reach this program.
#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/key_text.hpp"

namespace peerhold::cli {
namespace {

int run_key_list(const Arguments& arguments) {
  Request request;
  request.verb = Verb::keys;
  request.name = arguments.name();
  std::string json;
  if (const int code = ask_keeper(arguments, request, json); code != ok) return code;
  return print(arguments.has("json") ? pretty(json) : key_table(json, look_of_stdout())) ? ok
                                                                                         : failed;
}

}  // namespace

Command key_list_command() {
  return {"key list",
          "[CHAIN] [--json]",
          "lists key ids, their lifetimes, and which is in use",
          "Exit: 0, 3 no such key chain, 4 no keeper answers.\n\n"
          "Examples:\n"
          "  peerhold key list\n"
          "  peerhold key list edge --json",
          {{"json", "", "for scripts: one JSON object"}},
          0,
          1,
          run_key_list};
}

}  // namespace peerhold::cli

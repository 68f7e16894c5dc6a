// `peerhold status`: the sessions as a table, one in full, as JSON, or as a monitoring plug-in
// answers. Called by main.

#include <cerrno>

#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/json_view.hpp"
#include "cli/status_text.hpp"

namespace peerhold::cli {
namespace {

// A monitoring system reads stdout and the exit code, nothing else: complaints go there too.
int check(const Arguments& arguments, const Request& request) {
  const auto unknown = [](const std::string& text) {
    print("PEERHOLD UNKNOWN - " + escape_control(text) + "\n");
    return 3;
  };
  auto client = Client::connect(arguments.control);
  if (!client) {
    const int code = client.error().code;
    if (code != ENOENT && code != ECONNREFUSED) return unknown(client.error().text);
    print("PEERHOLD CRITICAL - " + escape_control(client.error().text) + "\n");
    return 2;
  }
  const auto answer = client->ask(request);
  if (!answer) return unknown(answer.error().text);
  if (!answer->ok) return unknown(answer->text);
  const Checked checked = status_check(answer->json);
  print(checked.line);
  return checked.exit;
}

int run_status(const Arguments& arguments) {
  Request request;
  request.verb = Verb::status;
  request.name = arguments.name();
  if (arguments.has("check") && arguments.has("json")) {
    complain("--check answers by one line and an exit code, --json by an object: give one of them");
    return usage;
  }
  if (arguments.has("check")) return check(arguments, request);
  std::string json;
  if (const int code = ask_keeper(arguments, request, json); code != ok) return code;
  const Look look = look_of_stdout();
  if (arguments.has("json")) return print(pretty(json)) ? ok : failed;
  return print(request.name.empty() ? status_table(json, look) : status_full(json, look)) ? ok
                                                                                          : failed;
}

}  // namespace

Command status_command() {
  return {
      "status",
      "[NAME] [--json | --check]",
      "shows how the sessions are, those not well first",
      "With NAME, everything about that session.\n\n"
      "Exit: 0, 3 no such session, 4 no keeper answers, 1 it refuses; with --check 0 all well,\n"
      "1 a session is held without its app or otherwise degraded, 2 a session is down or no\n"
      "keeper runs, 3 unknown.\n\n"
      "Examples:\n"
      "  peerhold status\n"
      "  peerhold status edge1\n"
      "  peerhold status --json | jq -r '.sessions[] | select(.health != \"ok\") | .name'\n"
      "  peerhold status --check                 for Nagios, Icinga and their kin",
      {{"json", "", "for scripts: one JSON object"},
       {"check", "", "one line and an exit code, as a monitoring plug-in answers"}},
      0,
      1,
      run_status};
}

}  // namespace peerhold::cli

// `peerhold watch`: prints events of a running keeper as they come. Called by main.
#include <unistd.h>

#include <csignal>

#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/event_text.hpp"

namespace peerhold::cli {
namespace {

int run_watch(const Arguments& arguments) {
  Request request;
  request.verb = Verb::watch;
  request.name = arguments.name();
  std::optional<Client> client;
  if (const int code = start_with_keeper(arguments, request, client); code != ok) return code;
  // Being interrupted is how a watch ends; nothing is half written then but perhaps a line.
  std::signal(SIGINT, [](int) { ::_exit(ok); });
  std::signal(SIGTERM, [](int) { ::_exit(ok); });
  const bool json = arguments.has("json");
  std::string said;
  for (;;) {
    const std::string line = client->next_line();
    if (line.empty()) {
      complain("the keeper has ended this watch, or itself");
      return no_keeper;
    }
    if (!print(json ? line + "\n" : event_text(line, &said))) return ok;
  }
}

}  // namespace

Command watch_command() {
  return {
      "watch",
      "[NAME] [--json]",
      "follows events until interrupted",
      "One line an event: state changes, keys, apps, errors, reloads, operators' commands. The\n"
      "first line tells the present state of the keeper. With NAME, only events of that session\n"
      "and the keeper's own.\n\n"
      "Exit: 0 interrupted, 3 no such session, 4 no keeper answers, or it has ended.\n\n"
      "Examples:\n"
      "  peerhold watch\n"
      "  peerhold watch edge1 --json | jq -r 'select(.event == \"state\") | .to'",
      {{"json", "", "for scripts: one JSON object a line"}},
      0,
      1,
      run_watch};
}

}  // namespace peerhold::cli

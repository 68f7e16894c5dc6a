// `peerhold reload`: has the keeper read its configuration again, and prints what that changes.
// Called by main.
#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/reload_text.hpp"

namespace peerhold::cli {
namespace {

int run_reload(const Arguments& arguments) {
  Request request;
  request.verb = Verb::reload;
  request.dry_run = arguments.has("dry-run");
  auto client = Client::connect(arguments.control);
  if (!client) {
    complain(client.error().text);
    return no_keeper;
  }
  // Key files and plugins are read, and ten thousand sessions compared, before the answer comes.
  const auto answer = client->ask(request, Milliseconds(60000));
  if (!answer) {
    complain(answer.error().text);
    return no_keeper;
  }
  if (arguments.has("json")) {
    if (!answer->json.empty() && !print(answer->json + "\n")) return failed;
  } else {
    complain_lines(reload_diagnostics(answer->json));
    // Without --dry-run only what changed is worth a line.
    if (answer->ok && !print(reload_actions(answer->json, request.dry_run))) return failed;
  }
  if (answer->ok) return ok;
  complain(answer->text);
  return exit_of(*answer);
}

}  // namespace

Command reload_command() {
  return {
      "reload",
      "[--dry-run] [--json]",
      "has the keeper read its configuration and key files again",
      "Only what differs is touched. A line a session: `live: KEYS` was changed under the running\n"
      "link, `restart: KEYS` needs a new link, `add`, `remove`; --dry-run also lists `keep`.\n"
      "A file with an error changes nothing.\n\n"
      "Exit: 0, 2 the file has errors, 4 no keeper answers, 1 it refuses.\n\n"
      "Examples:\n"
      "  peerhold reload --dry-run && peerhold reload",
      {{"dry-run", "", "print what would be done and do nothing"},
       {"json", "", "for scripts: one JSON object"}},
      0,
      0,
      run_reload};
}

}  // namespace peerhold::cli

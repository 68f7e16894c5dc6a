// `peerhold doctor`: why is a session not well? Called by main; the keeper looks and judges.
#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/doctor_text.hpp"
#include "cli/json_view.hpp"

namespace peerhold::cli {
namespace {

int run_doctor(const Arguments& arguments) {
  Request request;
  request.verb = Verb::doctor;
  request.name = arguments.name();
  std::string json;
  if (const int code = ask_keeper(arguments, request, json); code != ok) return code;
  const Doctored said = doctor_text(json, look_of_stdout());
  if (!print(arguments.has("json") ? pretty(json) : said.text)) return failed;
  return said.found ? found : ok;
}

}  // namespace

Command doctor_command() {
  return {
      "doctor",
      "[NAME] [--json]",
      "says why a session is not well, and what to do next",
      "Looks at the wire for up to five seconds (that needs CAP_NET_RAW; without it, it says\n"
      "what cannot be known), tries at once what waits for its next attempt, and asks whoever\n"
      "is silent without a signature. Never dials while a link is up or opening. Without NAME:\n"
      "all sessions, and this host: kernel, capabilities, room for keys, counters.\n\n"
      "Exit: 0 all well, 5 something found, 3 no such session, 4 no keeper answers.\n\n"
      "Examples:\n"
      "  peerhold doctor\n"
      "  peerhold doctor edge1\n"
      "  peerhold doctor --json | jq -r '.sessions[] | .name + \" \" + .findings[].code'",
      {{"json", "", "for scripts: one JSON object"}},
      0,
      1,
      run_doctor};
}

}  // namespace peerhold::cli

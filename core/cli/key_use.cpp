// `peerhold key use`: moves a session to another key of its chain, and says whether the peer came
// along (RFC 4808 §2.1, the sending side). Called by main.
#include <charconv>
#include <chrono>
#include <thread>

#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/json_view.hpp"

namespace peerhold::cli {
namespace {

constexpr Milliseconds look_again{100};
constexpr auto patience = std::chrono::seconds(30);  // more than the keeper has with the peer

struct Now {
  Json key;
  bool confirmed = false, linked = false;
};

// What the session says of its key.
int look(const Arguments& arguments, Now& now) {
  Request request;
  request.verb = Verb::status;
  request.name = arguments.name();
  std::string json;
  if (const int code = ask_keeper(arguments, request, json); code != ok) return code;
  const Json answer = parse_json(json);
  const Json& sessions = field(answer, "sessions");
  if (sessions.is_array() && !sessions.empty()) {
    now.key = field(sessions[0], "key");
    now.confirmed = flag(sessions[0], "key_confirmed");
    const std::string state = text(sessions[0], "state");
    now.linked = state == "opening" || state == "established";
  }
  return ok;
}

int run_key_use(const Arguments& arguments) {
  Request request;
  request.verb = Verb::use_key;
  request.name = arguments.name();
  const std::string& id = arguments.names[1];
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), request.id);
  if (error != std::errc() || end != id.data() + id.size()) {
    complain("\"" + escape_control(id) + "\" is no key id; `peerhold key list` shows them");
    return usage;
  }
  std::string json;
  if (const int code = ask_keeper(arguments, request, json); code != ok) return code;
  if (!print(escape_control(text(parse_json(json), "reply")) + "\n")) return failed;
  Now now;
  bool awaited = false;
  const auto until = std::chrono::steady_clock::now() + patience;
  do {
    if (const int code = look(arguments, now); code != ok) return code;
    if (now.confirmed) break;
    awaited = true;
    std::this_thread::sleep_for(look_again);
  } while (std::chrono::steady_clock::now() < until);
  const auto used = static_cast<std::uint32_t>(number(now.key, "id"));
  if (used != request.id) {
    complain(text(now.key, "cause") == "fallback"
                 ? "the peer did not come along: key " + std::to_string(used) +
                       " is in use again, and the session is as it was"
                 : "key " + std::to_string(used) +
                       " is in use by now (cause: " + escape_control(text(now.key, "cause")) + ")");
    return failed;
  }
  if (awaited && now.confirmed && !now.linked) {
    complain("the link ended before the peer was seen to come along; key " + id +
             " is in use for the links to come");
    return failed;
  }
  return print(now.confirmed ? "key " + id + " is in use\n"
                             : "key " + id + " is in use, not yet by the peer\n")
             ? ok
             : failed;
}

}  // namespace

Command key_use_command() {
  return {
      "key use",
      "NAME ID",
      "moves a live session to another key of its chain, now",
      "The link stays. Says whether the peer came along; when it has not within 10 seconds the\n"
      "session goes back to the key that the peer uses.\n\n"
      "Exit: 0, 1 the peer did not come along or the link ended first, 3 no such session or key,\n"
      "4 no keeper answers.\n\n"
      "Examples:\n"
      "  peerhold key use edge1 2",
      {},
      2,
      2,
      run_key_use};
}

}  // namespace peerhold::cli

// `peerhold up`, `down`, `reset`, `hold`, `release`: what an operator does to a session, or to all
// of them. Called by main.
#include <unistd.h>

#include <algorithm>
#include <iostream>

#include "cli/client.hpp"
#include "cli/commands.hpp"
#include "cli/json_view.hpp"

namespace peerhold::cli {
namespace {

constexpr OptionSpec message_option{
    "message", "TEXT", "bgp: the shutdown communication (RFC 9003), 255 bytes at most"};
constexpr OptionSpec yes_option{"yes", "", "with `all`: do not ask"};

// `all` may be a slip of the hand: a person is asked, a script must say so.
int confirm(const Arguments& arguments, std::string_view what) {
  if (arguments.name() != "all" || arguments.has("yes")) return ok;
  if (::isatty(STDIN_FILENO) == 0) {
    complain("`" + std::string(what) + " all` needs --yes where there is no terminal to ask on");
    return usage;
  }
  std::cerr << "peerhold: " << what << " ALL sessions of the keeper at "
            << escape_control(arguments.control) << "? [y/N] " << std::flush;
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y" || answer == "yes") return ok;
  complain("nothing was done");
  return failed;
}

// What plugins say, a line each.
std::string lines_of(const std::string& reply) {
  std::string out;
  for (std::size_t at = 0; at < reply.size();) {
    const std::size_t end = std::min(reply.find('\n', at), reply.size());
    out += escape_control(reply.substr(at, end - at)) + "\n";
    at = end + 1;
  }
  return out;
}

int operate(Verb verb, const Arguments& arguments) {
  Request request;
  request.verb = verb;
  request.name = arguments.name();
  request.message = arguments.value("message");
  request.soft = arguments.has("soft");
  if (request.soft && !request.message.empty()) {
    complain("--message goes to the peer when a link ends, and --soft ends none: drop one of them");
    return usage;
  }
  if (verb == Verb::hold) {
    const auto length = parse_duration(arguments.value("for"));
    if (!length || *length < Milliseconds(1) || *length > longest_hold) {
      complain(!arguments.has("for") ? "hold needs --for DURATION, such as --for 30m"
               : length              ? "--for must be between 1ms and 30d"
                                     : "--for: " + length.error().text);
      return usage;
    }
    request.for_ms = length->count();
  }
  if (const int code = confirm(arguments, to_string(verb)); code != ok) return code;
  std::string json;
  if (const int code = ask_keeper(arguments, request, json); code != ok) return code;
  const Json answer = parse_json(json);
  std::string out = lines_of(text(answer, "reply"));
  if (request.name == "all") {
    const auto n = static_cast<long>(number(answer, "sessions"));
    out += std::string(to_string(verb)) + ": " + std::to_string(n) +
           (n == 1 ? " session\n" : " sessions\n");
  }
  return out.empty() || print(out) ? ok : failed;
}

}  // namespace

Command up_command() {
  return {"up",
          "NAME | all [--yes]",
          "starts a session that is down, and tries a failed or waiting one at once",
          "Exit: 0, 3 no such session, 4 no keeper answers, 1 it refuses.\n\n"
          "Examples:\n"
          "  peerhold up edge1",
          {yes_option},
          1,
          1,
          [](const Arguments& a) { return operate(Verb::up, a); }};
}

Command down_command() {
  return {"down",
          "NAME | all [--message TEXT] [--yes]",
          "stops a session; it stays down over a reload",
          "A restart of the keeper starts it again: `enabled = false` in its table is for good.\n\n"
          "Exit: 0, 3 no such session, 4 no keeper answers, 1 it refuses.\n\n"
          "Examples:\n"
          "  peerhold down edge1 --message 'maintenance until 04:00 UTC'\n"
          "  peerhold down all --yes",
          {message_option, yes_option},
          1,
          1,
          [](const Arguments& a) { return operate(Verb::down, a); }};
}

Command reset_command() {
  return {"reset",
          "NAME | all [--message TEXT | --soft] [--yes]",
          "drops a session's links and dials again",
          "With --soft (bgp) both ways are refreshed and no link ends.\n\n"
          "Exit: 0, 3 no such session, 4 no keeper answers, 1 it refuses.\n\n"
          "Examples:\n"
          "  peerhold reset edge1\n"
          "  peerhold reset edge1 --soft",
          {message_option, {"soft", "", "bgp: refresh both ways without a flap"}, yes_option},
          1,
          1,
          [](const Arguments& a) { return operate(Verb::reset, a); }};
}

Command hold_command() {
  return {
      "hold",
      "NAME | all --for DURATION [--yes]",
      "bgp: for planned work, holds the session this once for so long without its app",
      "What the app has announced stays announced when it leaves, for DURATION instead of what\n"
      "the configuration says; once.\n\n"
      "Exit: 0, 3 no such session, 4 no keeper answers, 1 it refuses.\n\n"
      "Examples:\n"
      "  peerhold hold edge1 --for 30m",
      {{"for", "DURATION", "how long, such as 90s, 30m or 2h; at most 30d"}, yes_option},
      1,
      1,
      [](const Arguments& a) { return operate(Verb::hold, a); }};
}

Command release_command() {
  return {"release",
          "NAME | all [--yes]",
          "bgp: ends a hold now: what is held for an absent app is withdrawn",
          "Exit: 0, 3 no such session, 4 no keeper answers, 1 it refuses.\n\n"
          "Examples:\n"
          "  peerhold release edge1",
          {yes_option},
          1,
          1,
          [](const Arguments& a) { return operate(Verb::release, a); }};
}

}  // namespace peerhold::cli

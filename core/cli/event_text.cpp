// Renders events for `peerhold watch`.
#include "cli/event_text.hpp"

#include "base/units.hpp"
#include "cli/json_view.hpp"

namespace peerhold::cli {

std::string event_text(const std::string& event_json, std::string* said) {
  const Json event = parse_json(event_json);
  const auto shown = [&](const char* key) { return escape_control(text(event, key)); };
  std::string out = shown("time");
  const auto add = [&](const std::string& part, const char* before = "  ") {
    if (!part.empty()) out += before + part;
  };
  const std::string session = shown("session"), kind = shown("event");
  add(session.empty() ? "keeper" : session);
  const std::string from = shown("from"), to = shown("to");
  // "state" says nothing that the arrow does not, "keeper" nothing that its name does not.
  if (kind != "state" && kind != "keeper") add(kind);
  add(from.empty() ? to : from + " -> " + to);
  const std::string cause = shown("cause");
  if (!cause.empty()) add("(" + cause + ")", " ");
  const std::string words = shown("text"), whole = session + " " + cause + " " + words;
  if (!said || kind != "state" || *said != whole) add(words);
  if (said) *said = kind == "error" ? whole : std::string();
  return out + "\n";
}

}  // namespace peerhold::cli

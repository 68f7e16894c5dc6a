// Requests and answers of the control socket, to and from text. Used by the server, by the command
// line's client and by nobody else. A request is untrusted: size and types are checked here.
#include "control/protocol.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/units.hpp"
#include "control/json_text.hpp"

namespace peerhold {
namespace {

constexpr std::array<std::pair<Verb, std::string_view>, 14> verbs{{
    {Verb::status, "status"},
    {Verb::watch, "watch"},
    {Verb::keys, "keys"},
    {Verb::plugins, "plugins"},
    {Verb::has_link, "has_link"},
    {Verb::doctor, "doctor"},
    {Verb::up, "up"},
    {Verb::down, "down"},
    {Verb::reset, "reset"},
    {Verb::hold, "hold"},
    {Verb::release, "release"},
    {Verb::reload, "reload"},
    {Verb::use_key, "use_key"},
    {Verb::attach, "attach"},
}};

Error bad(std::string text) {
  return Error{"bad control request: " + std::move(text)};
}

}  // namespace

std::string_view to_string(Verb verb) {
  for (const auto& [v, text] : verbs)
    if (v == verb) return text;
  return "";
}

bool only_looks(Verb verb) {
  return verb <= Verb::doctor;
}

std::string_view to_string(Refusal refusal) {
  switch (refusal) {
    case Refusal::denied:
      return "denied";
    case Refusal::bad_request:
      return "bad-request";
    case Refusal::no_session:
      return "no-session";
    case Refusal::no_such:
      return "no-such";
    case Refusal::bad_config:
      return "bad-config";
    case Refusal::busy:
      return "busy";
    case Refusal::failed:
      return "failed";
  }
  return "failed";
}

Result<Request> parse_request(std::string_view line) {
  if (line.size() > max_request) return bad("longer than 64 KiB");
  // The callback bounds the nesting: a request is flat.
  const Json json = Json::parse(
      line.begin(), line.end(), [](int depth, Json::parse_event_t, Json&) { return depth <= 1; },
      false);
  if (!json.is_object()) return bad("expected one JSON object on one line");
  Request out;
  bool have_verb = false;
  for (const auto& item : json.items()) {
    const std::string& key = item.key();
    const Json& value = item.value();
    const auto text = [&](std::string& to) -> Result<void> {
      if (!value.is_string()) return bad("\"" + escape_control(key) + "\" must be a string");
      to = value.get_ref<const std::string&>();
      return {};
    };
    const auto flag = [&](bool& to) -> Result<void> {
      if (!value.is_boolean()) return bad("\"" + escape_control(key) + "\" must be true or false");
      to = value.get<bool>();
      return {};
    };
    Result<void> done;
    if (key == "command") {
      std::string word;
      done = text(word);
      const auto found =
          std::find_if(verbs.begin(), verbs.end(), [&](const auto& v) { return v.second == word; });
      if (done && found == verbs.end())
        return bad("no command \"" + escape_control(word.substr(0, 64)) + "\"");
      if (done) out.verb = found->first;
      have_verb = true;
    } else if (key == "name") {
      done = text(out.name);
    } else if (key == "message") {
      done = text(out.message);
    } else if (key == "peer") {
      done = text(out.peer);
    } else if (key == "source") {
      done = text(out.source);
    } else if (key == "soft") {
      done = flag(out.soft);
    } else if (key == "for_ms") {
      if (!value.is_number_integer() || value < 1 || value > longest_hold.count())
        return bad("\"for_ms\" must be a whole number from 1 to " +
                   std::to_string(longest_hold.count()));
      out.for_ms = value.get<std::int64_t>();
    } else if (key == "id") {
      if (!value.is_number_integer() || value < 0 || value > UINT32_MAX)
        return bad("\"id\" must be a whole number from 0 to 4294967295");
      out.id = value.get<std::uint32_t>();
    } else if (key == "dry_run") {
      done = flag(out.dry_run);
    } else {
      return bad("no field \"" + escape_control(key.substr(0, 64)) + "\"");
    }
    if (!done) return std::move(done).error();
  }
  if (!have_verb) return bad("\"command\" is missing");
  return out;
}

std::string render(const Request& r) {
  Json json = Json::object();
  json["command"] = to_string(r.verb);
  if (!r.name.empty()) json["name"] = r.name;
  if (!r.message.empty()) json["message"] = r.message;
  if (r.soft) json["soft"] = true;
  if (r.for_ms != 0) json["for_ms"] = r.for_ms;
  if (r.verb == Verb::use_key) json["id"] = r.id;
  if (r.dry_run) json["dry_run"] = true;
  if (!r.peer.empty()) json["peer"] = r.peer;
  if (!r.source.empty()) json["source"] = r.source;
  return dump(json) + "\n";
}

// Spliced as text: parsing a large status again only to print it would double its cost.
std::string answer_line(std::string_view answer_json) {
  return R"({"ok":true,"answer":)" + std::string(answer_json) + "}\n";
}

std::string refusal_line(Refusal code, std::string_view text, std::string_view details_json) {
  std::string out =
      dump(Json{{"ok", false}, {"code", to_string(code)}, {"text", std::string(text)}});
  if (!details_json.empty()) {
    out.pop_back();
    out += ",\"answer\":" + std::string(details_json) + "}";
  }
  return out + "\n";
}

Result<Answer> parse_answer(std::string_view line) {
  const Json json = Json::parse(line.begin(), line.end(), nullptr, false);
  const auto ok = json.is_object() ? json.find("ok") : json.end();
  if (!json.is_object() || ok == json.end() || !ok->is_boolean())
    return Error{"the answer on the control socket is not a keeper's"};
  const auto text = [&](const char* key) {
    const auto found = json.find(key);
    return found != json.end() && found->is_string() ? found->get<std::string>() : std::string();
  };
  Answer out;
  out.ok = ok->get<bool>();
  out.code = text("code");
  out.text = text("text");
  if (const auto found = json.find("answer"); found != json.end()) out.json = dump(*found);
  return out;
}

}  // namespace peerhold

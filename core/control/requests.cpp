// What each request of the control socket does. Called by Caller once it knows that
// the caller may; answers are whole lines.
#include <unistd.h>

#include <cerrno>

#include "control/caller.hpp"
#include "control/json.hpp"
#include "plugin/plugins.hpp"

namespace peerhold {
namespace {

constexpr std::size_t max_message = 255;  // RFC 9003, the longest shutdown communication

std::string no_session(const Keeper& keeper, const std::string& name) {
  return refusal_line(Refusal::no_session, keeper.no_session(name));
}

std::string status(Keeper& keeper, const Request& request) {
  if (!request.name.empty() && !keeper.has(request.name)) return no_session(keeper, request.name);
  return answer_line(status_json(keeper.status(), ::getpid(), keeper.sessions(request.name),
                                 !request.name.empty()));
}

std::string keys(Keeper& keeper, const Request& request) {
  const auto chains = keeper.keys(request.name);
  if (chains.empty() && !request.name.empty()) {
    std::vector<std::string> known;
    for (const auto& chain : keeper.keys({})) known.push_back(chain.name);
    return refusal_line(Refusal::no_such, "no key chain \"" + escape_control(request.name) + "\"" +
                                              did_you_mean(request.name, known));
  }
  return answer_line(keys_json(chains));
}

std::string plugins(Keeper& keeper, const Request& request) {
  std::vector<const Library*> out;
  for (const Library* library : keeper.plugins().loaded())
    if (request.name.empty() || library->name() == request.name) out.push_back(library);
  if (out.empty() && !request.name.empty())
    return refusal_line(Refusal::no_such,
                        "plugin \"" + escape_control(request.name) + "\" is not in use");
  return answer_line(plugins_json(out));
}

std::string has_link(Keeper& keeper, const Request& request) {
  const auto peer = Address::parse(request.peer);
  if (!peer) return refusal_line(Refusal::bad_request, peer.error().text);
  std::optional<Address> source;
  if (!request.source.empty()) {
    auto parsed = Address::parse(request.source);
    if (!parsed) return refusal_line(Refusal::bad_request, parsed.error().text);
    source = *std::move(parsed);
  }
  return answer_line(keeper.has_link_with(*peer, source) ? R"({"has_link":true})"
                                                         : R"({"has_link":false})");
}

// What the plugin does, not the core: hold, release, refresh. `reply` is added to.
Result<void> hand_over(Keeper& keeper, const Request& request, const std::string& name,
                       std::string& reply) {
  const Command what = request.verb == Verb::hold      ? Command::hold
                       : request.verb == Verb::release ? Command::release
                                                       : Command::refresh;
  Result<std::string> done = keeper.command(name, what, Milliseconds(request.for_ms));
  if (!done) return std::move(done).error();
  if (done->empty()) return {};
  // Dynamic peers have told their names themselves.
  const bool name_it = request.name == "all" && !done->starts_with(name + "@");
  reply += (reply.empty() ? "" : "\n") + (name_it ? name + ": " : "") + *done;
  return {};
}

// up, down, reset, hold and release, of one session or of all of them.
std::string operate(ControlServer::State& s, const Request& request, const PeerUser& user) {
  Keeper& keeper = s.keeper;
  const bool all = request.name == "all";
  if (request.name.empty())
    return refusal_line(Refusal::bad_request, "a session's name, or \"all\", is needed");
  if (!all && !keeper.has(request.name)) return no_session(keeper, request.name);
  if (request.message.size() > max_message)
    return refusal_line(Refusal::bad_request, "the message has " +
                                                  std::to_string(request.message.size()) +
                                                  " bytes; at most 255 can be sent");
  if (request.verb == Verb::hold && request.for_ms == 0)
    return refusal_line(Refusal::bad_request, "\"for_ms\" is missing: how long to hold");
  std::vector<std::string> names;
  if (all)
    names = keeper.names();
  else
    names.push_back(request.name);
  std::string command(to_string(request.verb));
  if (request.soft) command += " soft";
  if (request.verb == Verb::hold)
    command += " for " + format_duration(Milliseconds(request.for_ms));
  std::string errors, reply;
  // Of all sessions those are asked whose plugin has such a thing; one at least must.
  std::vector<std::string> not_there;
  for (const std::string& name : names) {
    Result<void> done;
    if (request.verb == Verb::up) done = keeper.up(name);
    if (request.verb == Verb::down) done = keeper.down(name, request.message);
    if (request.verb == Verb::reset && !request.soft) done = keeper.reset(name, request.message);
    if (request.verb == Verb::hold || request.verb == Verb::release || request.soft)
      done = hand_over(keeper, request, name, reply);
    if (!done && all && done.error().code == ENOTSUP) {
      not_there.push_back(done.error().text);
    } else if (!done) {
      errors += (errors.empty() ? "" : "\n") + done.error().text;  // it names its session
    }
  }
  if (errors.empty() && !not_there.empty() && not_there.size() == names.size())
    errors = "no session's plugin knows such a thing; the first one says: " + not_there.front();
  keeper.note_operator(all ? "" : request.name, all ? command + " all" : command, user.uid,
                       user.pid, errors);
  if (!errors.empty()) return refusal_line(Refusal::failed, errors);
  return answer_line(operated_json(names.size() - not_there.size(), reply));
}

std::string use_key(ControlServer::State& s, const Request& request, const PeerUser& user) {
  if (!s.keeper.has(request.name)) return no_session(s.keeper, request.name);
  const Result<std::string> done = s.keeper.use_key(request.name, request.id);
  s.keeper.note_operator(request.name, "key use " + std::to_string(request.id), user.uid, user.pid,
                         done ? "" : done.error().text);
  if (!done)
    return refusal_line(done.error().code == ENOKEY ? Refusal::no_such : Refusal::failed,
                        done.error().text);
  return answer_line(operated_json(1, *done));
}

std::string reload(ControlServer::State& s, const Request& request, const PeerUser& user) {
  const auto note = [&](const std::string& refusal) {
    if (!request.dry_run) s.keeper.note_operator("", "reload", user.uid, user.pid, refusal);
  };
  // Nothing is wrong with the file, which is not even read.
  if (s.keeper.status().draining) {
    const std::string text = "the keeper is stopping; nothing was changed";
    note(text);
    return refusal_line(Refusal::failed, text);
  }
  const ReloadOutcome outcome = s.reload(request.dry_run);
  const std::string details = reload_json(outcome, request.dry_run);
  if (!outcome.ok) {
    const std::string text = "the configuration has errors; nothing was changed";
    note(text);
    return refusal_line(Refusal::bad_config, text, details);
  }
  note("");
  return answer_line(details);
}

}  // namespace

std::string carry_out(ControlServer::State& s, const Request& request, const PeerUser& user) {
  switch (request.verb) {
    case Verb::status:
      return status(s.keeper, request);
    case Verb::keys:
      return keys(s.keeper, request);
    case Verb::plugins:
      return plugins(s.keeper, request);
    case Verb::has_link:
      return has_link(s.keeper, request);
    case Verb::up:
    case Verb::down:
    case Verb::reset:
    case Verb::hold:
    case Verb::release:
      return operate(s, request, user);
    case Verb::use_key:
      return use_key(s, request, user);
    case Verb::reload:
      return reload(s, request, user);
    case Verb::watch:
    case Verb::attach:
    case Verb::doctor:
      break;  // Caller's own
  }
  return refusal_line(Refusal::bad_request, "not a request that is answered at once");
}

}  // namespace peerhold

// Session, the part that an operator commands: up, down, reset, and the words that are handed to
// the plugin (hold, release, refresh). Called by the Keeper.
#include <cerrno>

#include "session/session.hpp"

namespace peerhold {

Result<void> Session::up() {
  if (stopping_) {
    return Error{"session \"" + name() + "\" is being ended and is not started again", 0,
                 Cause::admin};
  }
  if (peer_side_.state != SessionState::down && peer_side_.state != SessionState::failed) return {};
  backoff_.forget();
  app_backoff_.forget();
  // A link that is still saying goodbye is followed by a new one without delay.
  redial_ = peer_side_.links > 0;
  begin();
  return {};
}

void Session::down(const std::string& text) {
  forget_established();  // what was announced is withdrawn: nothing is left to come back to
  bye_ = PH_BYE_DOWN;
  bye_text_ = text.empty() ? "administratively down" : "administratively down: " + text;
  bye_message_ = text;
  change_cause_ = Cause::admin;
  change_text_ = bye_text_;
  tell(AppEvent::stop);
  tell(PeerEvent::stop);
  drop_links();  // apps and clients that are here without a link to the peer as well
}

Result<void> Session::reset(const std::string& text) {
  if (stopping_) {  // it is down for good: `up` would not start it
    return Error{"session \"" + name() + "\" is being ended and has nothing left to reset", 0,
                 Cause::admin};
  }
  if (peer_side_.state == SessionState::down) {
    return Error{"session \"" + name() + "\" is administratively down; `peerhold up " + name() +
                     "` starts it",
                 0, Cause::admin};
  }
  if (peer_side_.state == SessionState::failed) return up();
  backoff_.forget();
  app_backoff_.forget();
  bye_ = PH_BYE_RESET;
  bye_text_ = text.empty() ? "reset by the operator" : "reset by the operator: " + text;
  bye_message_ = text;
  if (peer_side_.links > 0) {
    redial_ = true;
    drop_links();
  } else {
    kick();
  }
  return {};
}

Result<std::string> Session::command(ph_command_kind what, Milliseconds length) {
  const auto refusal = [&](const std::string& why) {
    return Error{"session \"" + name() + "\": " + why, 0, Cause::admin};
  };
  std::string reply;
  int answer = PH_ENOTSUP;
  if (library_.plugin().command != nullptr) {
    if (conversations_.empty()) return refusal("it is " + std::string(to_string(state())));
    answer = conversations_.front()->command(what, length.count(), reply);
  }
  if (answer >= 0) return reply;
  if (answer == PH_ENOTSUP && reply.empty()) {
    Error error = refusal("plugin " + library_.name() + " has nothing to " +
                          (what == PH_CMD_HOLD      ? "hold"
                           : what == PH_CMD_RELEASE ? "release"
                                                    : "refresh; `reset` without --soft drops the "
                                                      "link and redials"));
    error.code = ENOTSUP;
    return error;
  }
  return refusal(reply.empty() ? "plugin " + library_.name() + " refuses and does not say why"
                               : reply);
}

}  // namespace peerhold

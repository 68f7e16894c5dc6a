// Surroundings: what every session of a keeper needs and none owns. Made once by the keeper.
#pragma once

#include <functional>
#include <optional>
#include <random>
#include <string>

#include "base/endpoint.hpp"
#include "base/log.hpp"
#include "loop/loop.hpp"
#include "net/closing.hpp"
#include "net/mover.hpp"
#include "session/event.hpp"
#include "session/later.hpp"

namespace peerhold {

class Session;

struct Surroundings {
  Loop& loop;
  Log& log;
  Movers& movers;
  Closing& closing;
  Later& later;
  std::mt19937_64& random;  // seeded once; fixed in tests

  // Puts the session's claim on the listener of its source; accepted links come by
  // Session::accepted from then on. The error's cause is `resource`.
  std::function<Result<void>(Session&)> claim;
  std::function<void(Session&)> unclaim;
  // The key that its claim bears, or who bears one of its own, has changed.
  std::function<void(Session&)> claim_changed = {};
  // The same for the socket that apps connect to (Session::app_accepted).
  std::function<Result<void>(Session&)> open_app;
  std::function<void(Session&)> close_app;
  std::function<void(const Event&)> emit;
  std::function<void(Session&)>
      gone;  // a stopping session has no link and no app left; on a later turn

  // The session of that peer of a dynamic session, made and started when there is none yet. An
  // error: it may not come now.
  std::function<Result<Session*>(Session& parent, const Address& peer)> child = {};
  // Nobody needs this child any more: it is stopped, and destroyed when gone.
  std::function<void(Session& child)> forget = {};
  Milliseconds forget_after{120000};  // a child without a link that holds nothing

  // What the wire has shown lately of why its peer is silent; empty where nobody looks.
  std::function<std::optional<Error>(const Session&)> explain = {};

  // When a session of that name was last established on this boot, also by a keeper before this
  // one. All three are empty where there is no place to write it down.
  std::function<std::optional<Milliseconds>(const std::string& session)> established_ago = {};
  std::function<void(const std::string& session)> mark_established = {};
  std::function<void(const std::string& session)> forget_established = {};

  double draw() { return std::uniform_real_distribution<double>(0.0, 1.0)(random); }
};

}  // namespace peerhold

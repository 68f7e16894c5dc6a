// KeyWatch: the one clock of all key moves, and the eye on what fails the signature check. Ten
// times a second, and only while some session's chain has more than one key: lifetimes and grace
// times are looked at, and one counter of the kernel. Nothing else happens while nothing fails.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "auth/key_choice.hpp"
#include "base/log.hpp"
#include "keeper/key_capture.hpp"
#include "loop/loop.hpp"
#include "net/counters.hpp"

namespace peerhold {

class Listeners;
class Session;

class KeyWatch {
 public:
  // `sessions`: those that there are now. `chains` as the keeper has them.
  KeyWatch(Loop&, Log&, Listeners&, const std::map<std::string, KeyChain>& chains,
           std::function<std::vector<Session*>()> sessions);

  // Sessions or chains have changed: whether there is something to watch.
  void look();
  // The key of a chain by its lifetimes alone, for what belongs to no session ([[listen]]); the
  // moves of the clock are the same as a session's.
  const Key* scheduled_key(const std::string& chain) const;

 private:
  void tick();
  bool clock_trusted();

  Loop& loop_;
  Listeners& listeners_;
  const std::map<std::string, KeyChain>& chains_;
  std::function<std::vector<Session*>()> sessions_;
  mutable std::map<std::string, KeyChoice> by_lifetime_;
  const SteadyTime started_;
  bool trusted_ = false;
  AuthCounters seen_;
  KeyCapture capture_;
  SteadyTime failed_at_{};  // when the counter was last seen to grow
  bool counting_ = false;   // seen_ is of the last tick
  Timer timer_;
};

}  // namespace peerhold

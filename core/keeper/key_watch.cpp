// KeyWatch: owned by the Keeper, told of changes by it; drives the keys of its sessions.
#include "keeper/key_watch.hpp"

#include <sys/timex.h>

#include <algorithm>

#include "keeper/listeners.hpp"
#include "session/session.hpp"

namespace peerhold {
namespace {

constexpr Milliseconds period{100}, quick_period{20};
// So long after the last failure the looks are quick, and captured segments are judged.
constexpr auto failing_for = std::chrono::seconds(3);
// Contract §6: after this long without a synchronised clock, the clock that there is must do.
constexpr auto clock_patience = std::chrono::minutes(5);

bool synchronised() {
  timex now{};
  const int state = adjtimex(&now);
  return state >= 0 && state != TIME_ERROR && (now.status & STA_UNSYNC) == 0;
}

}  // namespace

KeyWatch::KeyWatch(Loop& loop, Log& log, Listeners& listeners,
                   const std::map<std::string, KeyChain>& chains,
                   std::function<std::vector<Session*>()> sessions)
    : loop_(loop),
      listeners_(listeners),
      chains_(chains),
      sessions_(std::move(sessions)),
      started_(loop.now()),
      capture_(loop, log),
      timer_(loop, [this] { tick(); }) {}

bool KeyWatch::clock_trusted() {
  trusted_ = trusted_ || synchronised() || loop_.now() - started_ >= clock_patience;
  return trusted_;
}

const Key* KeyWatch::scheduled_key(const std::string& chain) const {
  const auto found = chains_.find(chain);
  if (found == chains_.end()) return nullptr;
  auto [choice, made] = by_lifetime_.try_emplace(chain);
  if (made || found->second.find(choice->second.id) == nullptr)
    choice->second = first_choice(found->second, std::chrono::system_clock::now());
  return found->second.find(choice->second.id);
}

void KeyWatch::look() {
  const std::vector<Session*> all = sessions_();
  capture_.chains_changed();
  const bool watch = std::ranges::any_of(all, [](const Session* s) { return s->keys().several(); });
  if (!watch) {
    timer_.stop();
    counting_ = false;
    capture_.watch({});
  } else if (!timer_.running()) {
    timer_.start(period);
  }
}

void KeyWatch::tick() {
  const std::vector<Session*> sessions = sessions_();
  KeyMoment moment;
  moment.wall = std::chrono::system_clock::now();
  moment.clock_trusted = clock_trusted();
  moment.now = loop_.now();
  const AuthCounters counters = read_auth_counters();
  moment.failing = counting_ && counters.failure != seen_.failure;
  seen_ = counters;
  counting_ = true;
  if (moment.failing) failed_at_ = moment.now;
  const bool recently = moment.now - failed_at_ < failing_for;
  // The first look finds what stood in the resting queue, from before the change on a busy link:
  // the next one must come before the peer's first retransmission.
  timer_.start(recently ? quick_period : period);
  capture_.watch(sessions);
  capture_.look(recently, recently);
  moment.captures = capture_.sees();
  listeners_.hold_keys();
  for (auto& [name, choice] : by_lifetime_) {
    const auto chain = chains_.find(name);
    if (chain == chains_.end()) continue;
    if (step(choice, chain->second,
             {KeyEvent::What::time, moment.wall, moment.clock_trusted, moment.now}) ==
        KeyStep::moved)
      listeners_.keys_changed();
  }
  for (Session* session : sessions) {
    if (session->keys().several()) session->keys().tick(moment);
  }
  listeners_.release_keys();
}

}  // namespace peerhold

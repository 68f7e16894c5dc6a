#include "pair.hpp"

namespace relay {

Acts Pair::up(Side side, bool outgoing) {
  Acts acts;
  auto& me = at(side);
  const bool widowed = !rules_.persistent && at(other(side)).gone;
  me = State{};
  me.up = true;
  me.outgoing = outgoing;
  if (widowed) {  // per-client: the other end left while this one was being dialled
    end(acts, side, End::abort);
    return acts;
  }
  if (!both_up()) return acts;
  header_due_ = rules_.header && at(Side::app).outgoing;
  if (!header_due_) return go_on();
  acts.header = true;
  return acts;
}

Acts Pair::header_sent() {
  header_due_ = false;
  Acts acts = go_on();
  acts.offer_peer = at(Side::peer).held > 0;
  return acts;
}

bool Pair::flows(Side from) const {
  const auto& to = at(other(from));
  return at(from).up && to.up && !to.ending && !(header_due_ && from == Side::peer);
}

Acts Pair::input(Side from, std::size_t held) {
  at(from).held = held;
  return go_on();
}

Acts Pair::eof(Side side) {
  at(side).eof = true;
  return go_on();
}

// A FIN counts once all that came before it was passed on.
Acts Pair::go_on() {
  Acts acts;
  for (const Side side : both) {
    auto& me = at(side);
    if (!me.up || !me.eof || me.held > 0 || me.passed || me.ending) continue;
    if (!rules_.persistent) {
      if (!flows(side)) continue;
      me.passed = true;
      acts.eof[static_cast<std::size_t>(other(side))] = true;
    } else if (side == Side::app) {
      lose_app(acts, End::close);
    } else {
      me.ending = true;
      acts.loss = Loss::peer_closed;
    }
  }
  if (!rules_.persistent && both_up() && at(Side::peer).passed && at(Side::app).passed)
    for (const Side side : both) end(acts, side, End::close);

  // A FIN that was told before cannot be passed on by a splice: such a pair goes on by send().
  const auto free = [](const State& s) { return s.up && !s.eof && !s.ending; };
  if (!spliced_ && !header_due_ && free(at(Side::peer)) && free(at(Side::app)))
    spliced_ = acts.splice = true;
  return acts;
}

Acts Pair::down(Side side, bool clean, bool lost) {
  Acts acts;
  auto& me = at(side);
  auto& rest = at(other(side));
  const bool was_up = me.up;
  // What it had sent and nobody took is lost as well; so is what waits for it at the other end.
  const bool dropped = lost || me.held > 0 || rest.held > 0;
  spliced_ = header_due_ = false;
  if (!rules_.persistent) {
    me.up = false;
    me.gone = true;
    if (rest.up) end(acts, other(side), clean && was_up && !dropped ? End::close : End::abort);
    return acts;
  }
  if (!was_up) return acts;  // the core dials again
  if (side == Side::app) {
    lose_app(acts, End::none);
    return acts;
  }
  me = State{};
  if (rest.up) {
    end(acts, Side::app, dropped ? End::abort : End::close);
    rest = State{};
  }
  return acts;
}

Acts Pair::idle(bool peer_stuck, bool app_stuck) {
  Acts acts;
  if (rules_.persistent) {
    if (at(Side::app).up) lose_app(acts, app_stuck ? End::abort : End::close);
    return acts;
  }
  if (at(Side::peer).up) end(acts, Side::peer, peer_stuck ? End::abort : End::close);
  if (at(Side::app).up) end(acts, Side::app, app_stuck ? End::abort : End::close);
  return acts;
}

void Pair::end(Acts& acts, Side side, End how) {
  auto& state = at(side);
  if (state.ending) return;
  state.ending = true;
  acts.end[static_cast<std::size_t>(side)] = how;
}

// The app has detached: its place is free at once, whatever its connection still has to do.
void Pair::lose_app(Acts& acts, End how) {
  spliced_ = header_due_ = false;
  acts.end[static_cast<std::size_t>(Side::app)] = how;
  at(Side::app) = State{};
  if (rules_.reset_on_app_loss && at(Side::peer).up && !at(Side::peer).ending) {
    at(Side::peer).ending = true;
    acts.loss = Loss::app_lost;
  }
}

}  // namespace relay

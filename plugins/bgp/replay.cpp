// Speaker, the part that sends routes from a Rib: announced again on a new link, answered to a
// refresh, given to an app that returns, withdrawn when they are stale. And what Holding decides.
#include <arpa/inet.h>

#include "speaker.hpp"

namespace bgp {
namespace {

// Messages a turn: a callback stays short, and other sessions have theirs.
constexpr std::size_t most_a_turn = 64;

}  // namespace

// ---- sending
// ----------------------------------------------------------------------------------------

void Speaker::pump() {
  bool more = false;
  if (peer_ && peer_->speaks()) {
    ask_peer();
    more = pump(to_peer_, *peer_, held_);
  }
  if (app_ && app_->speaks()) more = pump(to_app_, *app_, kept_) || more;
  send_end_of_ribs();
  if (more) host_.timer(pump_timer, 0);
}

// True: there is more to send, and room for it. Without room on_writable goes on.
bool Speaker::pump(Jobs& jobs, Connection& to, Rib& rib) {
  std::size_t sent = 0;
  bool room = true;
  const auto give = [&](Bytes message) {
    room = &to == peer_.get() ? to_peer(message) : send(to, message, Type::update);
    sent += room;
    return room;
  };
  while (!jobs.empty() && sent < most_a_turn) {
    Job& job = jobs.front();
    if (!job.before.empty()) {
      if (!send(to, job.before, Type::route_refresh)) return false;
      job.before.clear();
    }
    if (job.kind == Job::Kind::withdraw_stale) {
      rib.withdraw(job.walk, true, to.limit(), most_a_turn - sent, give);
    } else {
      left_out_ += rib.announce(job.walk, to.limit(), most_a_turn - sent, give);
    }
    if (!room) return false;
    if (!job.walk.done()) return true;
    if (!job.after.empty()) {
      const bool refresh =
          job.after[header_size - 1] == static_cast<std::uint8_t>(Type::route_refresh);
      if (!send(to, job.after, refresh ? Type::route_refresh : Type::update)) return false;
    }
    jobs.pop_front();
  }
  // What an app has announced meanwhile is Holding's again.
  if (&to == peer_.get() && jobs.empty() && std::exchange(letting_go_, false)) arm_holding();
  return !jobs.empty();
}

bool Speaker::to_peer(Bytes message) {
  Buffer copy(message.begin(), message.end());
  rewrite_next_hops(copy, next_hop_rule());
  return send(*peer_, copy, Type::update);
}

NextHopRule Speaker::next_hop_rule() const {
  NextHopRule rule;
  rule.what = options_.next_hop;
  rule.v4 = options_.next_hop4;
  rule.v6 = options_.next_hop6;
  if (rule.what != NextHopRule::What::loopbacks || !peer_) return rule;
  const ph_addr& local = peer_->local;
  if (local.family == 4) {
    rule.v4.emplace();
    std::copy_n(local.ip, rule.v4->size(), rule.v4->begin());
  } else if (local.family == 6) {
    rule.v6.emplace();
    std::copy_n(local.ip, rule.v6->size(), rule.v6->begin());
  }
  return rule;
}

// ---- the peer gets routes
// ---------------------------------------------------------------------------

void Speaker::announce_all() {
  to_peer_.clear();
  if (held_.size() > 0) to_peer_.push_back({Job::Kind::announce, held_.walk_all(), {}, {}});
  pump();
}

// What is held is written as its link agreed to. Where the present one has agreed to something else
// it would be misread, or is in a family that must not be sent.
void Speaker::forget_unspoken() {
  const Agreement& agreed = peer_->agreed;
  auto add_path = peer_->writing().add_path;
  for (const Family family : held_.families()) {
    if (std::ranges::find(agreed.families, family) != agreed.families.end() &&
        agreed.four_octet_as == held_four_octet_as_ &&
        add_path.contains(family) == held_add_path_.contains(family))
      continue;
    host_.log(PH_LOG_WARN, "what is held of " + to_string(family) +
                               " is forgotten: the peer's capabilities have changed");
    held_.apply(Record{Record::Kind::forget_family, family, {}, {}, nullptr});
  }
  held_add_path_ = std::move(add_path);
  held_four_octet_as_ = agreed.four_octet_as;
}

// The peer or the operator asked, and there is no app that could answer (RFC 2918 §4, RFC 7313 §4).
void Speaker::answer_refresh(Family family) {
  const Agreement& agreed = peer_->agreed;
  // RFC 2918 §4: what was not advertised is ignored.
  if (!agreed.route_refresh || std::ranges::find(agreed.families, family) == agreed.families.end())
    return;
  // One that waits for its turn answers this as well.
  for (auto job = to_peer_.begin(); job != to_peer_.end(); ++job) {
    if (job != to_peer_.begin() && job->answers == family) return;
  }
  Job job{Job::Kind::announce, held_.walk(family), {}, {}, family};
  // RFC 7313 §4: no BoRR before the End-of-RIB.
  if (agreed.enhanced_refresh && !end_of_rib_owed_.contains(family)) {
    job.before = encode(RouteRefresh{family, RouteRefresh::begin, false});
    job.after = encode(RouteRefresh{family, RouteRefresh::end, false});
  }
  host_.event(to_string(family) + " is announced again from what is held, as was asked for");
  to_peer_.push_back(std::move(job));
  pump();
}

void Speaker::send_end_of_ribs() {
  if (end_of_rib_owed_.empty() || end_of_rib_waits_ || !to_peer_.empty()) return;
  if (!peer_ || !peer_->speaks()) return;
  // RFC 4724 §2: for those that understand it; to others an empty UPDATE says nothing.
  while (!end_of_rib_owed_.empty()) {
    if (!send(*peer_, end_of_rib(*end_of_rib_owed_.begin()), Type::update)) return;
    end_of_rib_owed_.erase(end_of_rib_owed_.begin());
  }
}

// ---- the app gets the peer's table
// ------------------------------------------------------------------

void Speaker::ask_for_table() {
  refreshing_.clear();
  last_update_ = now();
  for (const Family family : app_->agreed.families) {
    if (keeps_) {
      to_app_.push_back({Job::Kind::announce, kept_.walk(family), {}, end_of_rib(family)});
      continue;
    }
    refreshing_.insert(family);
    if (peer_->agreed.route_refresh) {
      unasked_.insert(family);
    } else {
      table_complete(family);
    }
  }
  if (!refreshing_.empty()) host_.timer(refresh_timer, quiet_limit());
  pump();
}

void Speaker::ask_peer() {
  while (!unasked_.empty()) {
    const Family family = *unasked_.begin();
    if (!send(*peer_, encode(RouteRefresh{family, RouteRefresh::request, false}),
              Type::route_refresh))
      return;
    unasked_.erase(family);
    if (peer_->agreed.enhanced_refresh) ++asked_[family];
    last_update_ = now();
  }
}

// A peer without RFC 7313 does not say when it has finished: it has when it falls silent. One with
// it says so, or has forgotten to.
Ms Speaker::quiet_limit() const {
  return peer_ && peer_->agreed.enhanced_refresh ? 30000 : 2000;
}

void Speaker::table_complete(Family family) {
  if (refreshing_.erase(family) == 0 || !app_ || !app_->speaks()) return;
  send(*app_, end_of_rib(family), Type::update);
}

// ---- holding
// ----------------------------------------------------------------------------------------

void Speaker::act(HoldAct what) {
  switch (what) {
    case HoldAct::none:
      break;
    case HoldAct::mark_stale:
      held_.apply(Record{Record::Kind::mark_stale, {}, {}, {}, nullptr});
      break;
    case HoldAct::withdraw_stale: {
      const std::size_t stale = held_.stale();
      if (stale > 0) {
        host_.event("the app is complete; " + plural(stale, "route") +
                    " that it did not announce again " + (stale == 1 ? "is" : "are") +
                    " withdrawn");
        to_peer_.push_back({Job::Kind::withdraw_stale, held_.walk_stale(), {}, {}});
      }
      end_of_rib_waits_ = false;
      host_.timer(eor_timer, -1);
      pump();
      break;
    }
    case HoldAct::withdraw_all:
      give_up_routes("the hold ends; " + plural(held_.size(), "route") +
                     (held_.size() == 1 ? " is" : " are") + " withdrawn");
      break;
    case HoldAct::close:
      give_up_routes("");
      going_ = true;
      host_.event("the app stays away; the session with the peer is closed until one comes");
      if (peer_) {
        close_peer(goodbye(*peer_, cease::admin_shutdown,
                           "the routing program behind this session is gone"),
                   "the app is gone, and the session is not kept without it");
      }
      host_.want_peer(false);
      break;
  }
  arm_holding();
}

void Speaker::give_up_routes(const std::string& why) {
  if (!why.empty()) host_.event(why);
  held_.apply(Record{Record::Kind::mark_stale, {}, {}, {}, nullptr});
  if (held_.size() == 0) return;
  if (peer_ && peer_->speaks()) {
    letting_go_ = true;
    to_peer_.push_back({Job::Kind::withdraw_stale, held_.walk_stale(), {}, {}});
    pump();
  } else {
    held_.apply(Record{Record::Kind::clear, {}, {}, {}, nullptr});
  }
}

}  // namespace bgp

// PeerSide: state before -> event -> state after and actions, for each mode and both link modes;
// and what holds after any events at all (random walks that answer as the session does).
#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "session/peer_side.hpp"

namespace peerhold {
namespace {

using E = PeerEvent;
using S = SessionState;
constexpr Mode active = Mode::active, passive = Mode::passive, both = Mode::both;

std::string words(std::uint16_t actions) {
  static constexpr const char* names[] = {"claim", "unclaim",   "dial",         "cancel_dial",
                                          "drop",  "arm_retry", "cancel_retry", "close"};
  std::string text;
  for (std::size_t i = 0; i < std::size(names); ++i)
    if ((actions >> i & 1U) != 0) text += std::string(text.empty() ? "" : "|") + names[i];
  return text.empty() ? "none" : text;
}

std::string words(const PeerSide& s) {
  return std::string(to_string(s.mode)) + (s.per_client ? " per-client " : " persistent ") +
         std::string(to_string(s.state)) + (s.wanted ? "" : " unwanted") +
         (s.claimed ? " claimed" : "") + (s.dialing ? " dialing" : "") +
         (s.established ? " established" : "") + (s.cooling ? " cooling" : "") +
         (s.dial_failed ? " dial_failed" : "") + (s.app_shut ? " app_shut" : "") +
         " links=" + std::to_string(s.links);
}

struct Row {
  PeerSide before;
  E event;
  PeerSide after;
  std::uint16_t actions;
};

void check(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    PeerSide side = row.before;
    const std::uint16_t actions = step(side, row.event);
    CAPTURE(words(row.before));
    CAPTURE(static_cast<int>(row.event));
    CHECK(words(side) == words(row.after));
    CHECK(side == row.after);
    CHECK(words(actions) == words(row.actions));
  }
}

TEST_CASE("active, persistent") {
  const PeerSide down{.mode = active};
  const PeerSide connecting{.mode = active, .state = S::connecting, .dialing = true};
  const PeerSide opening{.mode = active, .state = S::opening, .links = 1};
  const PeerSide up{.mode = active, .state = S::established, .links = 1, .established = true};
  const PeerSide backoff{.mode = active, .state = S::backoff, .cooling = true};
  const PeerSide failed{.mode = active, .state = S::failed};
  const PeerSide unwanted{.mode = active, .state = S::backoff, .wanted = false};
  // What is still saying goodbye.
  PeerSide leaving = down;
  leaving.links = 1;
  PeerSide unwanted_leaving{.mode = active, .state = S::opening, .wanted = false, .links = 1};
  check({
      {down, E::start, connecting, act_dial},
      {connecting, E::start, connecting, act_none},
      {connecting, E::dialed, opening, act_none},
      {connecting, E::dial_failed, backoff, act_arm_retry},
      {backoff, E::retry_due, connecting, act_dial},
      {backoff, E::kick, connecting, act_dial | act_cancel_retry},
      {connecting, E::kick, connecting, act_none},
      {opening, E::up, up, act_none},
      {opening, E::kick, opening, act_none},
      {up, E::kick, up, act_none},
      {opening, E::link_lost, backoff, act_arm_retry},
      {up, E::link_lost, backoff, act_arm_retry},
      {up, E::stop, leaving, act_drop_links},
      {leaving, E::link_lost, down, act_none},
      {connecting, E::stop, down, act_cancel_dial},
      {backoff, E::stop, down, act_cancel_retry},
      {backoff, E::broken, failed, act_cancel_retry},
      {failed, E::start, connecting, act_dial},
      {up, E::unwant, unwanted_leaving, act_close_links},
      {unwanted_leaving, E::link_lost, unwanted, act_none},
      {unwanted, E::want, connecting, act_dial},
      {unwanted, E::kick, unwanted, act_none},
      {unwanted, E::retry_due, unwanted, act_none},
      {connecting, E::unwant, unwanted, act_cancel_dial},
      {backoff, E::unwant, unwanted, act_cancel_retry},
      // Wanting what is wanted already is no way around the waiting.
      {backoff, E::want, backoff, act_none},
      {connecting, E::want, connecting, act_none},
      {up, E::want, up, act_none},
      // No client has a say in a link that is kept up anyway.
      {backoff, E::client, backoff, act_none},
  });
}

TEST_CASE("passive, persistent") {
  const PeerSide down{.mode = passive};
  const PeerSide unclaimed{.mode = passive, .state = S::backoff};
  const PeerSide backoff{.mode = passive, .state = S::backoff, .cooling = true};
  const PeerSide listening{.mode = passive, .state = S::listening, .claimed = true};
  const PeerSide opening{.mode = passive, .state = S::opening, .claimed = true, .links = 1};
  const PeerSide up{
      .mode = passive, .state = S::established, .claimed = true, .links = 1, .established = true};
  const PeerSide lost_claim{
      .mode = passive, .state = S::established, .links = 1, .established = true, .cooling = true};
  PeerSide leaving = down;
  leaving.links = 1;
  const PeerSide unwanted{.mode = passive, .state = S::backoff, .wanted = false};
  const PeerSide unwanted_leaving{
      .mode = passive, .state = S::opening, .wanted = false, .links = 1};
  check({
      {down, E::start, unclaimed, act_claim},
      {unclaimed, E::claim_ok, listening, act_none},
      {unclaimed, E::claim_failed, backoff, act_arm_retry},
      {backoff, E::retry_due, unclaimed, act_claim},
      {backoff, E::kick, unclaimed, act_claim | act_cancel_retry},
      {listening, E::accepted, opening, act_none},
      {opening, E::up, up, act_none},
      {up, E::link_lost, listening, act_none},
      {listening, E::kick, listening, act_none},
      {listening, E::want, listening, act_none},
      {up, E::kick, up, act_none},
      // The claim may be lost under a link, which goes on.
      {up, E::claim_failed, lost_claim, act_arm_retry},
      {up, E::stop, leaving, act_unclaim | act_drop_links},
      {listening, E::stop, down, act_unclaim},
      {up, E::unwant, unwanted_leaving, act_unclaim | act_close_links},
      {listening, E::unwant, unwanted, act_unclaim},
      {unwanted, E::accepted, unwanted, act_none},
      {unwanted, E::want, unclaimed, act_claim},
      {down, E::accepted, down, act_none},
  });
}

TEST_CASE("both, persistent") {
  const PeerSide down{.mode = both};
  const PeerSide fresh{.mode = both, .state = S::connecting, .dialing = true};
  const PeerSide trying{.mode = both, .state = S::connecting, .claimed = true, .dialing = true};
  const PeerSide backoff{.mode = both, .state = S::backoff, .claimed = true, .cooling = true};
  const PeerSide opening{.mode = both, .state = S::opening, .claimed = true, .links = 1};
  const PeerSide up{
      .mode = both, .state = S::established, .claimed = true, .links = 1, .established = true};
  const PeerSide no_claim{.mode = both, .state = S::backoff, .cooling = true};
  const PeerSide up_no_claim{
      .mode = both, .state = S::established, .links = 1, .established = true};
  check({
      {down, E::start, fresh, act_claim | act_dial},
      {fresh, E::claim_ok, trying, act_none},
      // Our own attempt goes on; its retry tries the claim again.
      {fresh, E::claim_failed, fresh, act_none},
      {fresh, E::dial_failed, no_claim, act_arm_retry},
      {no_claim, E::retry_due, fresh, act_claim | act_dial},
      {no_claim, E::kick, fresh, act_claim | act_dial | act_cancel_retry},
      {trying, E::dial_failed, backoff, act_arm_retry},
      {backoff, E::retry_due, trying, act_dial},
      // The peer comes first: no dial while its link is there.
      {backoff, E::accepted, opening, act_cancel_retry},
      {trying, E::accepted, opening, act_cancel_dial},
      {opening, E::up, up, act_none},
      {up, E::retry_due, up, act_none},
      {up, E::link_lost, backoff, act_arm_retry},
      // An address that appears may cure the claim, and leaves the link alone.
      {up_no_claim, E::kick, up_no_claim, act_claim},
      {fresh, E::kick, fresh, act_claim},
      {trying, E::kick, trying, act_none},
  });
}

TEST_CASE("active, per-client") {
  const PeerSide down{.mode = active, .per_client = true};
  const PeerSide idle{.mode = active, .per_client = true, .state = S::listening};
  const PeerSide first{.mode = active, .per_client = true, .state = S::connecting, .dialing = true};
  const PeerSide failed{.mode = active,
                        .per_client = true,
                        .state = S::backoff,
                        .cooling = true,
                        .dial_failed = true};
  PeerSide cooled = failed;
  cooled.cooling = false;
  const PeerSide one{.mode = active, .per_client = true, .state = S::established, .links = 1};
  PeerSide one_dialing = one;
  one_dialing.dialing = true;
  PeerSide two = one;
  two.links = 2;
  PeerSide one_failed = one;
  one_failed.cooling = one_failed.dial_failed = true;
  PeerSide leaving = down;
  leaving.links = 2;
  // Nobody can come while the app socket cannot be opened; who is there stays.
  PeerSide shut = idle, down_shut = down, one_shut = one;
  shut.state = S::backoff;
  shut.app_shut = down_shut.app_shut = one_shut.app_shut = true;
  check({
      {down, E::app_shut, down_shut, act_none},
      {down_shut, E::start, shut, act_none},
      {idle, E::app_shut, shut, act_none},
      {shut, E::app_open, idle, act_none},
      {one, E::app_shut, one_shut, act_none},
      {one_shut, E::link_lost, shut, act_none},
  });
  check({
      {down, E::start, idle, act_none},
      {idle, E::client, first, act_dial},
      // One dial at a time; the next client's turn comes when this one's is over.
      {first, E::client, first, act_none},
      {first, E::dialed, one, act_none},
      {one, E::client, one_dialing, act_dial},
      {one_dialing, E::dialed, two, act_none},
      {two, E::link_lost, one, act_none},
      {one, E::link_lost, idle, act_none},
      {first, E::dial_failed, failed, act_arm_retry},
      {one_dialing, E::dial_failed, one_failed, act_arm_retry},
      // Not sooner than retry.min after the last failure.
      {failed, E::client, failed, act_none},
      {one_failed, E::client, one_failed, act_none},
      {failed, E::retry_due, cooled, act_none},
      {failed, E::kick, cooled, act_cancel_retry},
      {cooled, E::client, first, act_dial},
      {two, E::stop, leaving, act_drop_links},
      {first, E::stop, down, act_cancel_dial},
      {down, E::client, down, act_none},
  });
}

TEST_CASE("passive, per-client") {
  const PeerSide listening{
      .mode = passive, .per_client = true, .state = S::listening, .claimed = true};
  PeerSide one = listening;
  one.state = S::established;
  one.links = 1;
  PeerSide two = one;
  two.links = 2;
  PeerSide leaving{.mode = passive, .per_client = true, .links = 2};
  PeerSide left = leaving;
  left.links = 1;
  check({
      {listening, E::accepted, one, act_none},
      {one, E::accepted, two, act_none},
      {two, E::link_lost, one, act_none},
      {one, E::link_lost, listening, act_none},
      {listening, E::client, listening, act_none},
      {two, E::stop, leaving, act_unclaim | act_drop_links},
      {leaving, E::link_lost, left, act_none},
      {leaving, E::accepted, leaving, act_none},
  });
}

TEST_CASE("a plugin that settles collisions: our attempt goes on beside the peer's link") {
  const PeerSide dialing{.mode = both,
                         .plugin_settles = true,
                         .state = S::connecting,
                         .claimed = true,
                         .dialing = true};
  PeerSide beside = dialing;
  beside.state = S::opening;
  beside.links = 1;
  PeerSide opening = beside;
  opening.dialing = false;
  PeerSide up = opening;
  up.state = S::established;
  up.established = true;
  PeerSide cooling = dialing;
  cooling.state = S::backoff;
  cooling.dialing = false;
  cooling.cooling = true;
  check({
      {dialing, E::accepted, beside, act_none},
      {beside, E::dialed_rival, opening, act_none},
      {beside, E::dial_failed, opening, act_none},
      // The attempt is all that is left: it goes on, and no retry waits beside it.
      {beside, E::link_lost, dialing, act_none},
      {dialing, E::dial_failed, cooling, act_arm_retry},
      // An established link needs no second one.
      {beside, E::up, up, act_cancel_dial},
      {up, E::replaced, opening, act_none},
      {opening, E::kick, opening, act_none},
      {opening, E::retry_due, opening, act_none},
  });
}

TEST_CASE("a stopped session only starts") {
  for (const Mode mode : {active, passive, both}) {
    for (const bool per_client : {false, true}) {
      if (per_client && mode == both) continue;
      for (const S state : {S::down, S::failed}) {
        for (int event = 0; event <= static_cast<int>(E::broken); ++event) {
          const E e = static_cast<E>(event);
          if (e == E::start) continue;
          PeerSide side{.mode = mode, .per_client = per_client, .state = state};
          const std::uint16_t actions = step(side, e);
          CAPTURE(words(side));
          CAPTURE(event);
          CHECK(actions == act_none);
          CHECK((side.state == S::down || side.state == S::failed));
          CHECK(side.links == 0);
        }
      }
    }
  }
}

TEST_CASE("what an instance that cannot be opened is, without a SYN or a claim") {
  PeerSide side{.mode = both};
  CHECK(step(side, E::broken) == act_none);
  CHECK(side == PeerSide{.mode = both, .state = S::failed});
}

// Whether a step's answer keeps what must hold of every session, whatever happens to it. Empty:
// yes.
std::string wrong(const PeerSide& before, E event, const PeerSide& after, std::uint16_t actions) {
  const auto has = [&](std::uint16_t action) { return (actions & action) != 0; };
  const bool listens = after.mode != active;
  if (has(act_claim) && (before.claimed || !listens)) return "claims what it has, or listens not";
  if (has(act_unclaim) != (before.claimed && !after.claimed && event != E::claim_failed))
    return "unclaim and the claim do not agree";
  if (has(act_dial) && (before.dialing || !after.dialing)) return "dials twice";
  if (has(act_dial) && !after.per_client && before.links > 0) return "dials while a link is there";
  if (has(act_dial) && after.mode == passive) return "passive dials";
  if (has(act_dial) && !after.wanted) return "dials though no link is wanted";
  if (has(act_cancel_dial) && !before.dialing) return "cancels a dial that is not";
  const bool was_going = before.state != S::down && before.state != S::failed && before.links > 0;
  if (has(act_drop_links) != (was_going && (event == E::stop || event == E::broken)) ||
      has(act_close_links) != (was_going && event == E::unwant))
    return "drop_links and the links do not agree";
  if (has(act_arm_retry) && (before.cooling || !after.cooling)) return "arms a retry twice";
  if (has(act_cancel_retry) && (!before.cooling || after.cooling)) return "cancels no retry";
  if (before.cooling && !after.cooling && !has(act_cancel_retry) && event != E::retry_due)
    return "a retry is forgotten and goes on";
  if (before.dialing && !after.dialing && !has(act_cancel_dial) && event != E::dialed &&
      event != E::dialed_rival && event != E::dial_failed)
    return "an attempt is forgotten and goes on";
  if (after.dialing && after.cooling) return "dials and waits to dial";
  if (after.links > before.links + 1 || after.links + 1 < before.links) return "links jump";
  const bool stopped = after.state == S::down || after.state == S::failed;
  if (stopped && (after.dialing || after.cooling || after.claimed)) return "stopped, and busy";
  if (!stopped && !after.wanted && (after.dialing || after.cooling || after.claimed))
    return "unwanted, and busy";
  if (after.established && after.links == 0) return "established without a link";
  if (!stopped && !after.per_client &&
      (after.state == S::established) != (after.links > 0 && after.established))
    return "established is not what it says";
  if (!stopped && (after.state == S::connecting) != (after.dialing && after.links == 0))
    return "connecting is not what it says";
  if (after.state == S::listening && after.links > 0) return "listening with a link";
  // Something is always under way that can bring the link: nothing waits for ever.
  const bool hope = after.links > 0 || after.dialing || after.cooling || after.claimed ||
                    has(act_claim) || (after.per_client && !listens);
  if (!stopped && after.wanted && !hope) return "waits for nothing";
  return {};
}

TEST_CASE("random walks") {
  std::mt19937 random(20260101);
  const auto draw = [&](unsigned n) { return static_cast<unsigned>(random() % n); };
  std::uint64_t dials = 0, links = 0, claims = 0;
  for (int walk = 0; walk < 4000; ++walk) {
    const bool per_client = draw(2) == 0;
    PeerSide side{.mode = static_cast<Mode>(draw(per_client ? 2 : 3)),
                  .per_client = per_client,
                  .plugin_settles = !per_client && draw(2) == 0};
    std::string path;
    bool owed_claim = false;  // the session answers a claim before anything else happens
    for (int i = 0; i < 60; ++i) {
      std::vector<E> may = {E::start, E::stop, E::kick, E::want, E::unwant, E::client};
      const bool stopped = side.state == S::down || side.state == S::failed;
      if (owed_claim) {
        may = {E::claim_ok, E::claim_failed};
      } else {
        if (side.dialing) {
          const bool beside = !per_client && side.links > 0;
          may.insert(may.end(), 4, beside ? E::dialed_rival : E::dialed);
          may.push_back(E::dial_failed);
        }
        if (side.established && !per_client) may.push_back(E::replaced);
        if (side.links > 0) may.insert(may.end(), 2, E::link_lost), may.push_back(E::up);
        if (side.cooling) may.insert(may.end(), 3, E::retry_due);
        // Of a link that is there the session makes no second one (it settles the two itself).
        if (side.claimed && (per_client || side.links == 0)) may.insert(may.end(), 3, E::accepted);
        if (side.claimed) may.push_back(E::claim_failed);  // lost after all
        if (!stopped && draw(20) == 0) may.push_back(E::broken);
      }
      const E event = may[draw(static_cast<unsigned>(may.size()))];
      const PeerSide before = side;
      const std::uint16_t actions = step(side, event);
      path += " " + std::to_string(static_cast<int>(event));
      owed_claim = (actions & act_claim) != 0;
      dials += (actions & act_dial) != 0;
      claims += owed_claim;
      links += side.links > before.links;
      const std::string fault = wrong(before, event, side, actions);
      if (!fault.empty()) {
        FAIL(fault << ": " << words(before) << " -> " << words(side) << " by "
                   << static_cast<int>(event) << ", actions " << words(actions) << ", walk"
                   << path);
      }
    }
  }
  // The walks have been everywhere.
  CHECK(dials > 5000);
  CHECK(claims > 3000);
  CHECK(links > 5000);
}

TEST_CASE("the judge of the walks sees faults") {
  const PeerSide up{.mode = active, .state = S::established, .links = 1, .established = true};
  PeerSide dialing = up;
  dialing.dialing = true;
  CHECK(wrong(up, E::kick, up, act_none).empty());
  CHECK(wrong(up, E::kick, dialing, act_dial) == "dials while a link is there");
  PeerSide claimed{.mode = passive, .state = S::listening, .claimed = true};
  CHECK_FALSE(wrong(claimed, E::kick, claimed, act_claim).empty());
  PeerSide idle{.mode = active, .state = S::backoff};
  CHECK(wrong(idle, E::kick, idle, act_none) == "waits for nothing");
}

}  // namespace
}  // namespace peerhold

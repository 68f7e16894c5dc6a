// Keys: the one place that acts on what KeyChoice and Follower answer. RFC 4808, RFC 8177. Owned by
// a Session, ticked by the keeper's KeyWatch.
#include "session/keys.hpp"

#include <algorithm>
#include <utility>

#include "net/progress.hpp"
#include "session/session.hpp"

namespace peerhold {
namespace {

using What = KeyEvent::What;

constexpr Milliseconds blur{12};  // what the kernel's times are exact to
// Long enough for whatever else stalls a link to pass: keys are the unlikelier cause.
constexpr auto silent_for = std::chrono::seconds(10);
constexpr std::size_t most_guests = 1000;
constexpr auto soon = std::chrono::hours(24);

std::string number(std::uint32_t id) {
  return std::to_string(id);
}

bool silent(const Progress& p) {
  return p.stuck && p.since_accepted > silent_for;
}

}  // namespace

Keys::Keys(Session& session, const KeyChain* chain) : session_(session), chain_(chain) {
  if (chain_ != nullptr) choice_ = first_choice(*chain_, std::chrono::system_clock::now());
}

const Key* Keys::key_for(const Address& who) const {
  const auto guest = guests_.find(who);
  const Key* own =
      guest == guests_.end() || chain_ == nullptr ? nullptr : chain_->find(guest->second);
  return own != nullptr ? own : key();
}

// Several peers under one session.
bool Keys::shared() const {
  return session_.config().peer_prefix.has_value();
}

const Key* Keys::key() const {
  return chain_ == nullptr ? nullptr : chain_->find(trial_.value_or(choice_.id));
}

bool Keys::follows() const {
  return several() && chain_->rollover() == Rollover::follow;
}

std::vector<std::uint32_t> Keys::others(WallTime wall) const {
  std::vector<const ChainKey*> in_order;
  for (const ChainKey& key : chain_->keys()) in_order.push_back(&key);
  std::ranges::stable_sort(in_order, [](auto* a, auto* b) { return a->start < b->start; });
  const auto here = std::ranges::find(in_order, choice_.id, [](auto* k) { return k->key.id; });
  const auto at = here - in_order.begin(), size = std::ssize(in_order);
  std::vector<std::uint32_t> out;
  const auto add = [&](std::ptrdiff_t i) {
    if (i < 0 || i >= size || i == at) return;
    const std::uint32_t id = in_order[static_cast<std::size_t>(i)]->key.id;
    if (chain_->acceptable(id, wall)) out.push_back(id);
  };
  for (std::ptrdiff_t step = 1; step <= size; ++step) {
    add(at + step);
    add(at - step);
  }
  // What the lifetimes want is the likeliest where we are not there already.
  const auto wanted = std::ranges::find(out, choice_.scheduled);
  if (wanted != out.end()) std::rotate(out.begin(), wanted, wanted + 1);
  return out;
}

bool Keys::linked() const {
  bool any = false;
  session_.each_peer_socket([&](int) { any = true; });
  return any;
}

// ---- the choice
// ------------------------------------------------------------------------------------

void Keys::tell(What what, std::uint32_t id, const char* why) {
  note_use();
  const std::uint32_t from = choice_.id;
  const KeyStep done = step(choice_, *chain_,
                            {what, std::chrono::system_clock::now(), choice_.clock_heard,
                             session_.around().loop.now(), linked(), id});
  if (done == KeyStep::moved) moved(from, why);
}

void Keys::moved(std::uint32_t from, const std::string& why) {
  trial_.reset();
  follower_ = {};
  sign_everything();
  report(from, why);
}

void Keys::end_trial() {
  if (std::exchange(trial_, std::nullopt)) sign_everything();
}

void Keys::report(std::uint32_t from, const std::string& why) {
  session_.note_key(
      from, choice_.id, to_string(choice_.cause),
      "key " + number(choice_.id) + " of keychain \"" + chain_->name() + "\" is in use: " + why);
}

// Live sockets, those that are closing, the dial that is under way, and the claim.
void Keys::sign_everything() {
  session_.each_peer_socket([&](int fd) { session_.key_socket(fd); });
  session_.rekey_rest();
  dial_ = choice_.id;
  signed_at_ = session_.around().loop.now();
}

void Keys::use_chain(const KeyChain* chain) {
  const bool other = chain_ != nullptr && chain != nullptr && chain->name() != chain_->name();
  chain_ = chain;
  std::erase_if(guests_, [&](const auto& guest) {
    return other || chain == nullptr || chain->find(guest.second) == nullptr;
  });
  if (chain_ == nullptr) return;
  trial_.reset();
  follower_ = {};
  const std::uint32_t from = choice_.id;
  const WallTime wall = std::chrono::system_clock::now();
  KeyStep done = KeyStep::moved;
  if (other) {
    choice_ = first_choice(*chain_, wall);
    uses_.clear();
  } else {
    done =
        step(choice_, *chain_,
             {What::reloaded, wall, choice_.clock_heard, session_.around().loop.now(), linked()});
  }
  sign_everything();  // the same id may have another secret
  if (done == KeyStep::moved) report(from, "the configuration was read again");
}

void Keys::tick(const KeyMoment& m) {
  if (chain_ == nullptr || session_.stopping()) return;
  if (m.now - noted_at_ > std::chrono::seconds(1)) note_use();
  const std::uint32_t before = choice_.id;
  const KeyStep done =
      step(choice_, *chain_, {What::time, m.wall, m.clock_trusted, m.now, linked()});
  if (done == KeyStep::moved) {
    moved(before, choice_.cause == KeyCause::fallback
                      ? "the peer has not come along to key " + number(before) + " in " +
                            format_duration(KeyChoice::grace)
                      : "by its lifetime");
  } else if (done == KeyStep::late) {
    session_.note_key(choice_.id, choice_.id, to_string(choice_.cause),
                      "the peer has not come along to key " + number(choice_.id) +
                          " of keychain \"" + chain_->name() + "\" in " +
                          format_duration(KeyChoice::grace) + "; it was last seen on key " +
                          number(choice_.before) + ", change it there",
                      true);
  }
  if (choice_.moving && !trial_) {  // what is accepted under a trial says nothing of the choice
    bool there = false, any = false;
    session_.each_peer_socket([&](int fd) {
      any = true;
      const auto p = progress_of(fd);
      there = there || (p && m.now - p->since_accepted > signed_at_ + blur);
    });
    if (!any) {
      step(choice_, *chain_, {What::unlinked, m.wall, m.clock_trusted, m.now, false});
    } else if (there &&
               step(choice_, *chain_, {What::confirmed, m.wall, m.clock_trusted, m.now, true}) ==
                   KeyStep::confirmed) {
      follower_ = {};  // what was heard before is over
      session_.note_key_confirmed("the peer signs with key " + number(choice_.id) + " too");
    }
  }
  follow(m);
  hurry(choice_.moving || m.now < ask_until_ || follower_.phase != Follower::Phase::quiet ||
        follower_.round_rest.count() > 0);  // tried in vain: the next round needs quick answers too
}

// ---- following
// -------------------------------------------------------------------------------------

void Keys::heard(std::uint32_t id, bool fresh, bool unknown, SteadyTime now) {
  if (!follows()) return;
  if (id == choice_.id) {  // while another is tried
    follower_ = {};
    end_trial();
    return;
  }
  if (unknown) {
    if (shared()) ask_until_ = now + std::chrono::seconds(3);
    follower_.suspect = true;  // the question makes a segment of ours, which shows where we are
  } else {
    hear(follower_, id, fresh, now);
  }
}

void Keys::follow(const KeyMoment& m) {
  // We have just moved by ourselves: the peer gets its time before anything is concluded.
  const bool grace = choice_.moving && choice_.cause != KeyCause::peer;
  if (!follows() || grace || shared() || !session_.takes_links()) {
    end_trial();
    follower_ = {};
    return;
  }
  if (!m.failing && !silent_ && !follower_.heard && !follower_.suspect &&
      follower_.round_rest.count() == 0 && follower_.phase == Follower::Phase::quiet)
    return;
  Sight sight{.now = m.now, .failing = m.failing, .captures = m.captures, .accepted = linked_at_};
  bool any = false;
  session_.each_peer_socket([&](int fd) {
    const auto p = progress_of(fd);
    if (!p) return;
    any = true;
    sight.accepted = std::max(sight.accepted, m.now - p->since_accepted);
    sight.stuck = sight.stuck || p->stuck;
    sight.silent = sight.silent || silent(*p);
    sight.answer = std::max(sight.answer, std::min(2 * p->round_trip, Milliseconds(2000)));
  });
  if (!any) {
    if (!session_.listens()) return;  // a dial tries keys by itself
    sight.stuck = true;               // whoever wants to come fails
  }
  const std::vector<std::uint32_t> keys = others(m.wall);
  const FollowerDoes does = look(follower_, sight, keys);
  switch (does.what) {
    case FollowerDoes::What::nothing:
    case FollowerDoes::What::ask:
      break;  // tick() hurries the links, which asks
    case FollowerDoes::What::settle:
      break;
    case FollowerDoes::What::attempt:
      trial_ = does.id;
      sign_everything();
      follower_.since = signed_at_;
      break;
    case FollowerDoes::What::give_up:
      end_trial();
      break;
    case FollowerDoes::What::follow: {
      const bool by_trial = does.id == 0 && trial_;
      const std::uint32_t to = by_trial ? *trial_ : does.id;
      trial_.reset();
      tell(What::peer, to, by_trial ? "the peer answers under it" : "the peer signs with it");
      if (choice_.id != to)
        sign_everything();  // its time has just ended
      else if (by_trial)
        tell(What::confirmed, 0, "");  // it has just answered
      break;
    }
  }
}

// ---- links
// -----------------------------------------------------------------------------------------

void Keys::dialing() {
  if (chain_ != nullptr) dial_ = choice_.id;
}

void Keys::next_dial_key() {
  if (!follows() || !dial_) return;
  const auto keys = others(std::chrono::system_clock::now());
  if (keys.empty()) return;
  dial_ = keys[dial_turn_++ % keys.size()];
  session_.rekey_dial(*chain_->find(*dial_));
}

void Keys::dialed() {
  ++generation_;
  linked_at_ = session_.around().loop.now();
  if (chain_ != nullptr && dial_ && *dial_ != choice_.id)
    tell(What::peer, *dial_, "the peer has answered our SYN under it");
  if (chain_ != nullptr) note_handshake(choice_.id);
}

void Keys::accepted(const Address& peer, std::optional<std::uint32_t> id) {
  ++generation_;
  turn_rest_ = {};
  linked_at_ = session_.around().loop.now();
  if (chain_ == nullptr) return;
  if (shared()) {
    if (id && *id == choice_.id) guests_.erase(peer);
    if (id && *id != choice_.id) guests_[peer] = *id;
    return;
  }
  if (!id) return;
  if (*id != choice_.id) tell(What::came, *id, "the peer has come with it");
  note_handshake(*id);
}

void Keys::link_gone(bool last) {
  ++generation_;
  if (last && chain_ != nullptr)
    step(choice_, *chain_, {What::unlinked, {}, false, session_.around().loop.now(), false});
}

bool Keys::may_turn(SteadyTime now) {
  if (now < turn_after_) return false;
  turn_rest_ = std::clamp(turn_rest_ * 2, Milliseconds(500), Milliseconds(16000));
  turn_after_ = now + turn_rest_;
  return true;
}

void Keys::guest(const Address& who, std::uint32_t id) {
  // It was there when we left, and gets its time to come along.
  if (choice_.moving && id == choice_.before) return;
  if (guests_.size() >= most_guests) guests_.erase(guests_.begin());
  if (std::exchange(guests_[who], id) == id) return;
  session_.note_key(
      choice_.id, id, to_string(KeyCause::peer),
      who.to_string() + " comes with key " + number(id) + " of keychain \"" + chain_->name() + '"');
  session_.each_peer_socket([&](int fd) {
    if (remote_endpoint(fd).address == who) session_.key_socket(fd);
  });
  if (session_.around().claim_changed) session_.around().claim_changed(session_);
}

// A move, or a question whether the peer is still there: whatever is to be answered is sent soon
// and again, and nothing gives up meanwhile.
void Keys::hurry(bool on) {
  const bool patient = on && (choice_.moving || !follower_.by_silence);
  if (on == hurried_ && patient == patient_) return;
  hurried_ = on;
  patient_ = patient;
  session_.apply_hurry();
}

Result<std::string> Keys::use(std::uint32_t id) {
  const Key* wanted = chain_ == nullptr ? nullptr : chain_->find(id);
  if (wanted == nullptr)
    return Error{chain_ == nullptr ? "session \"" + session_.name() + "\" is not authenticated"
                                   : "keychain \"" + chain_->name() + "\" has no key " + number(id),
                 ENOKEY, Cause::admin};
  if (id == choice_.id) {
    follower_ = {};
    end_trial();
    return "key " + number(id) + " is in use already";
  }
  const std::uint32_t from = choice_.id;
  tell(What::use, id, "an operator wants it");
  if (!linked()) return "key " + number(id) + " is in use for the links to come; there is none now";
  if (!choice_.moving)
    return "moved back from key " + number(from) + " to key " + number(id) +
           ", on which the peer was last seen";
  return "moved from key " + number(from) + " to key " + number(id) + "; the peer has " +
         format_duration(KeyChoice::grace) + " to come along";
}

// ---- what is seen
// ----------------------------------------------------------------------------------

KeyUse& Keys::use_of(std::uint32_t id) const {
  const auto found = std::ranges::find(uses_, id, &KeyUse::id);
  return found != uses_.end() ? *found : uses_.emplace_back(KeyUse{id, {}, {}});
}

// Of a link that has just come. note_use() asks each socket, of which there may be thousands.
void Keys::note_handshake(std::uint32_t id) const {
  KeyUse& use = use_of(id);
  use.received = use.sent = std::chrono::system_clock::now();
}

void Keys::note_use() const {
  if (chain_ == nullptr || trial_) return;
  const SteadyTime now = session_.around().loop.now();
  noted_at_ = now;
  const WallTime wall = std::chrono::system_clock::now();
  KeyUse* use = nullptr;
  silent_ = false;
  session_.each_peer_socket([&](int fd) {
    const auto p = progress_of(fd);
    if (!p) return;
    silent_ = silent_ || silent(*p);
    if (use == nullptr) use = &use_of(choice_.id);
    if (now - p->since_accepted > signed_at_ + blur)
      use->received = std::max(use->received, std::optional<WallTime>(wall - p->since_accepted));
    if (now - p->since_sent > signed_at_ + blur)
      use->sent = std::max(use->sent, std::optional<WallTime>(wall - p->since_sent));
  });
}

std::vector<KeyUse> Keys::uses() const {
  note_use();
  return uses_;
}

std::string Keys::trouble(WallTime now) const {
  if (chain_ == nullptr) return {};
  const std::string of = " of keychain \"" + chain_->name() + "\"";
  if (!chain_->any_valid(now))
    return "no key" + of + " is valid now; key " + number(choice_.id) + " stays in use";
  if (choice_.late)
    return "the peer has not come along to key " + number(choice_.id) + of +
           "; it was last seen on key " + number(choice_.before);
  if (choice_.cause == KeyCause::fallback)
    return "key " + number(choice_.id) + of + " again: the peer did not come along to another one" +
           (choice_.scheduled == choice_.id ? "" : " (key " + number(choice_.scheduled) + ")");
  if (const auto end = chain_->valid_until(now); end && *end - now < soon)
    return "the last key" + of + " ends at " + format_time(*end) + "; add one that follows it";
  return {};
}

}  // namespace peerhold

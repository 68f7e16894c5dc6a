// Session, the part about links and apps: dialled, accepted, settled with one another (RFC 4271
// §6.8's rule for plugins that leave it to the core), handed to conversations, and lost.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>

#include "net/peer_user.hpp"
#include "net/tcp_auth.hpp"
#include "session/session.hpp"

namespace peerhold {

// ---- conversations
// ---------------------------------------------------------------------------------

Conversation* Session::converse() {
  auto one = std::make_unique<Conversation>(*this);
  if (const Result<void> opened = one->open(static_cast<std::uint32_t>(conversations_.size() + 1));
      !opened) {
    note_failure(opened.error().cause, opened.error().text, false);
    return nullptr;
  }
  one->slot = conversations_.size();
  conversations_.push_back(std::move(one));
  return conversations_.back().get();
}

Conversation* Session::persistent_one() {
  return conversations_.empty() ? converse() : conversations_.front().get();
}

void Session::settled(Conversation& one) {
  const bool stopped = stopping_ || peer_side_.state == SessionState::down ||
                       peer_side_.state == SessionState::failed;
  if (one.empty() && (per_client() || one.broken() || stopped)) {
    waiting_.remove_if([&](const Waiting& w) { return w.who == &one; });
    const std::size_t slot = one.slot;
    std::swap(conversations_[slot], conversations_.back());
    conversations_[slot]->slot = slot;
    conversations_.pop_back();
    // The next instance starts with the wish that each starts with.
    if (!per_client()) tell(PeerEvent::want);
  }
  maybe_gone();
}

// ---- dialling
// --------------------------------------------------------------------------------------

void Session::dial() {
  ++attempts_;
  DialRequest request;
  request.to = config_.peer;
  if (config_.source.address && !config_.source.address.is_any()) {
    request.from = config_.source;
    // The listener of `both` has the port.
    if (config_.mode == Mode::both) request.from->port = 0;
  }
  request.key = key();
  request.transport = transport();
  request.timeout = config_.retry.connect_timeout;
  keys_.dialing();
  // Two SYNs with our own key first.
  if (keys_.follows()) deadlines_.set(dial_key_due, Milliseconds(1500));
  dialer_ = Dialer::start(around_.loop, request,
                          [this](Result<Connected> got) { dialed(std::move(got)); });
}

void Session::dialed(Result<Connected> got) {
  dialer_.reset();
  deadlines_.clear(dial_key_due);
  if (got) keys_.dialed();
  if (!got) {
    Error why = std::move(got).error();
    if (why.cause == Cause::connect_timeout && around_.explain)
      why = around_.explain(*this).value_or(std::move(why));
    note_failure(why.cause, why.text, false, false);
    failures_->of_dial = true;
    tell(PeerEvent::dial_failed);
    take_parked();
    return;
  }
  Conversation* present =
      per_client() || conversations_.empty() ? nullptr : conversations_.front().get();
  if (present != nullptr && present->has_peer()) {  // PH_COLLISION: the plugin closes the loser
    tell(PeerEvent::dialed_rival);
    if (present->has_rival()) {
      abort_connection(got->fd.get());
    } else {
      note_if_failed(present->rival_up(*std::move(got), true));
    }
    return;
  }
  parked_.reset();  // ours has won
  tell(PeerEvent::dialed);
  take(*std::move(got), true);
  next_client();
}

void Session::next_client() {
  if (!waiting_.empty()) tell(PeerEvent::client);
}

void Session::end_waiting() {
  const SteadyTime now = around_.loop.now();
  while (!waiting_.empty() && waiting_.front().until <= now) {
    Conversation* who = waiting_.front().who;
    waiting_.pop_front();
    who->drop(Cause::connect_timeout,
              "no link to the peer within " + format_duration(config_.retry.connect_timeout), true);
  }
  arm_waiting();
}

void Session::arm_waiting() {
  if (waiting_.empty()) return;
  const auto left = std::chrono::ceil<Milliseconds>(waiting_.front().until - around_.loop.now());
  deadlines_.set(client_wait, std::max(left, Milliseconds(0)));
}

// ---- links come
// ------------------------------------------------------------------------------------

// A link that PeerSide has counted gets its conversation.
void Session::take(Connected link, bool outgoing) {
  Conversation* one = nullptr;
  if (!per_client()) {
    one = persistent_one();
  } else if (!outgoing) {
    one = converse();
  } else if (!waiting_.empty()) {
    one = waiting_.front().who;
    waiting_.pop_front();
  }
  if (one == nullptr) {  // refused by the plugin, or the client has left meanwhile
    abort_connection(link.fd.get());
    tell(PeerEvent::link_lost);
    return;
  }
  if (const Result<void> came = one->peer_up(std::move(link), outgoing); !came) {
    note_failure(came.error().cause, came.error().text, false);
    tell(PeerEvent::link_lost);
    if (per_client()) one->drop(came.error().cause, came.error().text, true);
    return;
  }
  if (per_client() && !outgoing && config_.app && !library_.is(PH_DIALS_APP)) one->dial_app();
}

void Session::accepted(Listener::Accepted from) {
  if (!takes_links()) {
    abort_connection(from.connected.fd.get());
    return;
  }
  if (dynamic()) return hand_on(std::move(from));
  if (Result<void> set = apply_accepted(from.connected.fd.get(), transport(),
                                        keys_.chain() != nullptr, *from.inherited);
      !set) {
    abort_connection(from.connected.fd.get());
    return note_failure(set.error().cause, set.error().text, false);
  }
  keys_.accepted(from.remote.address, from.key_id);
  if (per_client()) {
    tell(PeerEvent::accepted);
    take(std::move(from.connected), false);
    return;
  }
  Conversation* one = persistent_one();
  if (one == nullptr) {
    abort_connection(from.connected.fd.get());
    return;
  }
  if (one->has_peer()) {
    if (peer_side_.plugin_settles) {
      if (one->has_rival()) {
        abort_connection(from.connected.fd.get());
      } else {
        note_if_failed(one->rival_up(std::move(from.connected), false));
      }
      return;
    }
    // Both ends dialled at the same time, and ours came first: the same rule on both ends decides.
    const bool half_open = one->peer_outgoing() && one->peer_age() < config_.retry.connect_timeout;
    if (half_open && ours_wins(one->peer_link()->local(), from.remote)) {
      abort_connection(from.connected.fd.get());
      return;
    }
    // The peer came back before we noticed that the old link is dead.
    parked_ = std::move(from.connected);
    one->drop_peer(Cause::peer_reset, "replaced by a newer link from the peer");
    return;
  }
  if (dialer_ && !peer_side_.plugin_settles && ours_wins(dialer_->local(), from.remote)) {
    parked_ = std::move(from.connected);  // taken when our own attempt fails
    return;
  }
  tell(PeerEvent::accepted);
  take(std::move(from.connected), false);
}

void Session::hand_on(Listener::Accepted from) {
  const Result<Session*> child = around_.child(*this, from.remote.address);
  if (child) return (*child)->accepted(std::move(from));
  abort_connection(from.connected.fd.get());
  // As a repeated failure is told: who scans a prefix must not fill the log.
  ++peers_turned_away_.count;
  const bool tell_it = peers_turned_away_.tell(around_.loop.now());
  line(tell_it ? Level::warn : Level::debug, "dynamic-peer", child.error().text, {}, "turned away",
       {"address", from.remote.address.to_string()},
       {"count", std::to_string(peers_turned_away_.count)});
}

void Session::take_parked() {
  if (!parked_) return;
  Connected link = *std::move(parked_);
  parked_.reset();
  tell(PeerEvent::accepted);
  take(std::move(link), false);
}

bool Session::ours_wins(const Endpoint& ours, const Endpoint& theirs) const {
  return std::tie(ours.address.bytes, ours.port) > std::tie(theirs.address.bytes, theirs.port);
}

void Session::peer_established(Conversation&) {
  ++established_count_;
  // Other clients' links may not have ended: that one came up ends the row of failed dials.
  if (per_client() && failures_ && failures_->of_dial) failures_->same.count = 0;
  tell(PeerEvent::up);
  mark_established();
  if (!per_client()) tell(AppEvent::link_up);
}

// ---- links go
// --------------------------------------------------------------------------------------

void Session::account(const Loss& loss) {
  // The end of a client's link is the end of its work, not a failure, unless something broke.
  const bool failure = per_client() ? !loss.ours && loss.cause != Cause::peer_closed
                                    : !loss.ours || loss.cause != Cause::admin;
  if (!per_client()) {
    backoff_.established_for(config_.retry, loss.was_established ? loss.lasted : Milliseconds(0));
    if (loss.retry == RetryClass::slow) retry_class_ = RetryClass::slow;
    // What failed before is over.
    if (backoff_.failures() == 0 && failures_) failures_->same.count = 0;
  } else if (loss.was_established && loss.lasted >= config_.retry.reset_after && failures_ &&
             failures_->last_error && failures_->last_error->cause == loss.cause) {
    failures_->same.count = 0;
  }
  if (failure) {
    note_failure(loss.cause, loss.text, loss.was_established, per_client());
  } else if (!per_client() && loss.was_established) {
    note_down(loss.cause, loss.text);
  } else {
    change_text_.clear();  // an older failure did not cause this change
  }
}

void Session::peer_replaced(const Loss& loss) {
  if (!loss.was_established) return;
  account(loss);
  keys_.link_gone(false);
  tell(AppEvent::link_down);
  tell(PeerEvent::replaced);
  if (last_established_) mark_established();
}

void Session::peer_lost(Conversation&, const Loss& loss) {
  account(loss);
  if (!per_client()) tell(AppEvent::link_down);
  tell(PeerEvent::link_lost);
  keys_.link_gone(peer_side_.links == 0);
  // Not after an operator's `down`, which has forgotten it.
  if (loss.was_established && last_established_) mark_established();
  arm_forgetting();
  if (parked_) {
    take_parked();
  } else if (std::exchange(redial_, false)) {
    tell(PeerEvent::kick);
    next_client();  // its retry timer may just have been cancelled
  }
}

void Session::add_bytes(std::uint64_t from_peer, std::uint64_t to_peer) {
  from_peer_ += from_peer;
  to_peer_ += to_peer;
}

// ---- apps
// ------------------------------------------------------------------------------------------

void Session::app_accepted(Connected app, std::uint32_t flags) {
  if (!config_.app_users.empty()) {
    const Result<PeerUser> user = peer_user(app.fd.get());
    if (!user || std::ranges::find(app_uids_, user->uid) == app_uids_.end()) {
      ++users_refused_.count;
      line(users_refused_.tell(around_.loop.now()) ? Level::warn : Level::debug, "app",
           user ? "refused: uid " + std::to_string(user->uid) + " is not in app_users"
                : "refused: " + user.error().text,
           {}, {}, {"count", std::to_string(users_refused_.count)});
      abort_connection(app.fd.get());
      return;
    }
  }
  if (!attach(app, {}, flags) && app.fd) abort_connection(app.fd.get());
}

Result<void> Session::attach(Connected& app, std::string_view greeting, std::uint32_t flags) {
  const auto refuse = [&](const std::string& why) {
    return Error{"session \"" + name() + "\" " + why, 0, Cause::admin};
  };
  if (dynamic()) {
    return refuse("has a session for each of its peers, NAME@ADDRESS; attach to one of those");
  }
  if (stopping_) {
    return refuse(bye_ == PH_BYE_STOP ? "takes no app: the keeper is stopping"
                                      : "is being ended and takes no app");
  }
  if (!app_side_.up) {
    return refuse("is " + std::string(to_string(state())) + " and takes no app; `peerhold up " +
                  name() + "` starts it");
  }
  if (per_client() && config_.mode == Mode::passive) {
    return refuse("gets its apps by dialling them for each link of its peer; nothing can attach");
  }
  Conversation* one = per_client() ? converse() : persistent_one();
  if (one == nullptr) {
    return refuse((per_client() ? "takes no more clients: " : "has no plugin instance: ") +
                  latest_text());
  }
  if (!per_client()) return one->app_up(app, flags, greeting);
  const bool asks = asks_for_peer();  // then its instance says when it waits
  if (!asks) waits(*one);
  if (Result<void> came = one->app_up(app, flags, greeting); !came) {
    if (!asks) waiting_.pop_back();
    one->drop(came.error().cause, came.error().text, true);
    return came;
  }
  if (!asks) tell(PeerEvent::client);
  return {};
}

void Session::waits(Conversation& one) {
  waiting_.push_back({&one, around_.loop.now() + config_.retry.connect_timeout});
  if (waiting_.size() == 1) arm_waiting();
}

void Session::client_waits(Conversation& one) {
  const bool waits_already =
      std::ranges::any_of(waiting_, [&](const Waiting& w) { return w.who == &one; });
  if (one.has_peer() || waits_already) return;
  waits(one);
  tell(PeerEvent::client);
}

void Session::app_came(Conversation&) {
  app_gone_since_.reset();
  app_backoff_.forget();
  // One that was not dialled, by `peerhold attach`, says nothing about the socket.
  if (config_.app_mode == AppMode::connect) app_works();
  tell(AppEvent::attached);
}

// The end of a row of failures to reach the app, or to open its socket.
void Session::app_works() {
  if (app_trouble_.empty()) return;
  app_trouble_.clear();
  if (failures_ && !failures_->of_dial) failures_->same.count = 0;
}

void Session::app_taken() {
  note_app("attached", {});
}

void Session::app_left(Conversation&, const LinkEnd& how, bool turned_away) {
  tell(AppEvent::detached);
  if (app_side_.attached == 0) app_gone_since_ = around_.loop.now();
  if (!turned_away) return note_app("detached", how.text);
  ++apps_turned_away_.count;
  line(!per_client() && apps_turned_away_.tell(around_.loop.now()) ? Level::info : Level::debug,
       "app", how.text, {}, "app turned away", {"count", std::to_string(apps_turned_away_.count)});
}

void Session::app_dial_failed(const std::string& text, bool given_up) {
  app_trouble_ = text;
  note_failure(Cause::app_unreachable, text, false);
  if (given_up) tell(AppEvent::dial_failed);
}

// ---- sockets
// ---------------------------------------------------------------------------------------

Result<std::unique_ptr<Link>> Session::make_link(Connected connected, LinkEvents& events) {
  return Link::open(around_.loop, around_.closing, std::move(connected), config_.transport.buffer,
                    &events);
}

Transport Session::transport_with(std::int64_t user_timeout) const {
  Transport options = transport();
  if (user_timeout >= 0 && !config_.transport.user_timeout_given) {
    options.user_timeout = keys_.patient()
                               ? std::max(*options.user_timeout, Milliseconds(user_timeout))
                               : Milliseconds(user_timeout);
  }
  return options;
}

Result<void> Session::apply_options(int fd, std::int64_t user_timeout) {
  return apply_live(fd, transport_with(user_timeout), keys_.chain() != nullptr);
}

Result<void> Session::change_user_timeout(int fd, std::int64_t from, std::int64_t to) {
  const Transport has = transport_with(from);
  return apply_live(fd, transport_with(to), keys_.chain() != nullptr, &has);
}

void Session::key_socket(int fd) {
  const Address peer = remote_endpoint(fd).address;
  const Key* now = keys_.key_for(peer);
  if (now == nullptr) return;
  const Result<void> done = tcp_auth::set_key(fd, Prefix::host(peer), *now);
  if (!done) note_failure(done.error().cause, done.error().text, false);
}

}  // namespace peerhold

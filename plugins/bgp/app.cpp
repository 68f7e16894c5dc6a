// Speaker, the part that faces the app: admission, OPEN, its UPDATEs, its loss.
#include <peerhold/proxy_v2.h>

#include "speaker.hpp"

namespace bgp {
namespace {

constexpr Ms app_wait = 30000;  // an app that comes while there is no link is held so long
constexpr unsigned errors_that_bar = 3;

}  // namespace

// ---- it comes
// ---------------------------------------------------------------------------------------

void Speaker::app_up(ph_link link, const ph_link_info& info) {
  // Before the first word of BGP, and before any refusal: it cannot know the peer otherwise.
  if ((info.flags & PH_LINK_OUTGOING) != 0 && host_.setting(PH_SET_APP_SHARED) == 1) {
    const auto peer = host_.info(PH_PEER);
    ph_proxy_v2 header;
    ph_proxy_v2_begin(&header, &peer.remote, &peer.local);
    host_.send_whole(link, {header.bytes, header.size});
  }
  const Ms at = now();
  if (at < barred_until_) {
    app_refused_ = "it is not let in for another " +
                   std::to_string((barred_until_ - at) / 1000 + 1) +
                   "s: it answered the peer's routes with an error " +
                   std::to_string(errors_that_bar) + " times in a row";
    return turn_away(link, {code::cease, cease::connection_rejected, {}});
  }
  if (app_) {
    const Ms lately = Ms{options_.app_hold_time_s} * 1000 / 3;
    if (app_->last_input != 0 && at - app_->last_input < lately) {
      app_refused_ = "another app is attached, one at a time";
      host_.log(PH_LOG_WARN, "an app's connection is refused: " + app_refused_);
      return turn_away(link, {code::cease, cease::collision, {}});
    }
    // One that has gone without a word must not keep its successor out.
    end(*app_, {PH_ADMIN, PH_RETRY_NORMAL, "was replaced by a new connection after a silence"});
  } else if (waiting_app_ != 0) {
    host_.close(std::exchange(waiting_app_, 0), true);
  }
  waiting_app_ = link;
  if (std::exchange(going_, false)) host_.want_peer(true);
  if (peer_ && peer_->speaks()) return admit_app();
  host_.timer(app_wait_timer, app_wait);
}

void Speaker::turn_away(ph_link link, const Notification& why) {
  const Buffer message = encode(why);
  host_.send_whole(link, message);
  host_.close(link, false);
}

// The app that waits gets its OPEN: it is shown the peer, as far as the link agreed to.
void Speaker::admit_app() {
  if (waiting_app_ == 0 || app_ || !peer_ || !peer_->speaks()) return;
  host_.timer(app_wait_timer, -1);
  app_ = std::make_unique<Connection>();
  Connection& c = *app_;
  c.role = Connection::Role::app;
  c.link = std::exchange(waiting_app_, 0);
  c.last_input = now();
  c.ours = open_for_app(*peer_->theirs, peer_->agreed, options_.app_hold_time_s);
  host_.buffer(c.link, options_.app_backlog);
  begin(c, false, Ms{options_.app_hold_time_s} * 1000);
  if (app_) host_.read_pause(c.link, false);  // what it has said already
}

Speaker::Took Speaker::app_open(Connection& c, const Open& open) {
  c.theirs = open;
  auto agreed = agree(c.ours, open, options_.local_as);
  if (const auto* wrong = std::get_if<Notification>(&agreed)) {
    broke(c, Event::open_error, *wrong);
    app_refused_ = "its OPEN does not fit: " + describe(*wrong);
    return Took::over;
  }
  c.agreed = std::get<Agreement>(std::move(agreed));
  if (const std::string missing = lacking(peer_->agreed, c.agreed); !missing.empty()) {
    // RFC 5492 §5: the capability that is required stands in the data.
    broke(c, Event::open_error, {code::open, open_error::unsupported_capability, {}});
    app_refused_ =
        "the peer was promised " + missing +
        ", which the app does not offer; offer it there, or take it out of [session.bgp]";
    host_.log(PH_LOG_WARN, "the app is turned away: " + app_refused_);
    return Took::over;
  }
  input(c, Event::open_received, {}, c.agreed.hold_time_s);
  return c.closing ? Took::over : Took::yes;
}

void Speaker::app_established() {
  app_refused_.clear();
  app_gone_at_.reset();
  watch_progress(*app_, patience(*app_));
  host_.event("the app has attached");
  std::set<Family> families(app_->agreed.families.begin(), app_->agreed.families.end());
  // While the router waits for our End-of-RIB the app is waited for like one that returns.
  act(bgp::app_up(holding_, options_.holding, std::move(families), held(), now()));
  ask_for_table();
}

// ---- what it says
// -----------------------------------------------------------------------------------

Speaker::Took Speaker::app_update(Connection& c, const Message& message, Batch& batch) {
  const auto parsed = parse_update(message.body());
  if (const auto* wrong = std::get_if<Notification>(&parsed)) {
    if (!pass_to_peer(batch)) return Took::later;  // those before it were good
    ++malformed_from_app_;
    broke(c, Event::update_error, *wrong);
    return Took::over;
  }
  const Update& update = std::get<Update>(parsed);
  const bool whole = delimited(update, held_add_path_);
  if (update.overrun || !whole) {
    // RFC 7606 §4 would have the first treated as a withdrawal; a router from before it resets the
    // session, as any router may for the second, and whose mistake it is can be told here.
    if (!pass_to_peer(batch)) return Took::later;
    ++malformed_from_app_;
    constexpr std::uint8_t malformed_attributes = 1, invalid_network_field = 10;
    broke(c, Event::update_error,
          {code::update, whole ? malformed_attributes : invalid_network_field, {}});
    return Took::over;
  }
  if (const auto complete = update.end_of_rib()) {
    // Those before it first: it may be what lets the stale ones go.
    if (!pass_to_peer(batch)) return Took::later;
    act(app_end_of_rib(holding_, options_.holding, *complete, now()));
    return c.closing ? Took::over : Took::yes;
  }
  const std::size_t at = batch.out.size();
  put(batch.out, message.whole);
  bool missed = false;
  rewrite_next_hops(std::span(batch.out).subspan(at), next_hop_rule(), &missed);
  if (missed && !std::exchange(next_hop_told_, true)) {
    host_.log(
        PH_LOG_WARN,
        "the app announces a next hop that should be replaced, and there is no address of its "
        "family for that: the peer gets it as it is; give next_hop6");
  }
  batch.updates.push_back(update);
  batch.ends.push_back(batch.out.size());
  return Took::yes;
}

// False: there is no room at the peer; input from batch.used on is offered again. What the peer's
// link has accepted, and nothing else, is in the Rib.
bool Speaker::pass_to_peer(Batch& batch) {
  if (batch.empty()) return true;
  if (!peer_ || peer_->closing) return true;  // it reaches nobody: the app's session ends as well
  const std::size_t count = batch.updates.size();
  const Bytes bytes = batch.out;
  std::size_t taken = host_.send_whole(PH_PEER, bytes) > 0 ? count : 0;
  std::size_t sent = taken > 0 ? bytes.size() : 0;
  // As many of them as there is room for.
  while (taken < count &&
         host_.send_whole(PH_PEER, bytes.subspan(sent, batch.ends[taken] - sent)) > 0)
    sent = batch.ends[taken++];
  peer_->accepted += sent;
  peer_->out[static_cast<std::size_t>(Type::update)] += taken;
  for (std::size_t i = 0; i < taken; ++i) held_.apply(batch.updates[i], held_add_path_);
  const bool all = taken == count;
  batch.used += sent;  // rewriting a next hop changes no length
  batch.clear();
  if (app_ && held_.size() > options_.max_routes_held) {
    dismiss_app({code::cease, cease::max_prefixes, {}},
                "announced more than max_routes_held = " +
                    std::to_string(options_.max_routes_held) + " routes");
    return true;
  }
  return all;
}

Speaker::Took Speaker::app_refresh(Connection& c, const Message& message) {
  const auto parsed = parse_route_refresh(message);
  if (const auto* wrong = std::get_if<Notification>(&parsed)) {
    broke(c, Event::update_error, *wrong);
    return Took::over;
  }
  const auto& refresh = std::get<RouteRefresh>(parsed);
  if (refresh.kind == RouteRefresh::request) {
    if (keeps_) {
      ask_for_table();
      return Took::yes;
    }
    if (!peer_->agreed.route_refresh) return Took::yes;
  } else if (!peer_->agreed.enhanced_refresh) {
    return Took::yes;
  }
  if (!send(*peer_, message.whole, Type::route_refresh)) return Took::later;
  return Took::yes;
}

// A NOTIFICATION from the app never reaches the peer: programs send a Cease on every ordinary stop.
void Speaker::app_notification(const Notification& said) {
  const bool about_routes = said.code >= code::header && said.code <= code::update;
  // One that stood for a while had come to terms with the routes that it was given at first.
  const Ms since = ended_app_ ? ended_app_->established_at : 0;
  if (since != 0 && now() - since >= options_.holding.settle) app_errors_ = 0;
  app_errors_ = about_routes ? app_errors_ + 1 : 0;
  if (app_errors_ >= errors_that_bar) {
    app_errors_ = 0;
    barred_until_ = now() + std::max<Ms>(host_.setting(PH_SET_RETRY_MAX_MS), 1000);
    host_.log(PH_LOG_WARN, "the app has answered with " + describe(said) +
                               " three times in a row; it is not let in before retry.max");
  }
  const auto hard = inside_hard_reset(said);
  const bool shutdown =
      options_.close_on_app_cease && said.code == code::cease &&
      (said.subcode == cease::admin_shutdown || said.subcode == cease::peer_deconfigured);
  if (!hard && !shutdown) return;
  give_up_routes("");
  if (!hard) going_ = true;
  const Notification plain = hard ? *hard : said;
  close_peer(peer_ && peer_->agreed.hard_resets ? hard_reset_of(plain) : plain,
             "the app sent " + describe(said));
  if (!hard) host_.want_peer(false);
}

// ---- it goes
// ----------------------------------------------------------------------------------------

void Speaker::dismiss_app(const Notification& why, const std::string& text) {
  if (!app_ || app_->closing) return;
  Connection& c = *app_;
  app_refused_ = text;
  host_.log(PH_LOG_WARN, "the app is detached: it " + text);
  const Reason reason{PH_RESOURCE, PH_RETRY_NORMAL, text};
  input(c, Event::stop, reason, why);
  end(c, reason);
}

void Speaker::app_lost(const std::string& why) {
  if (!app_) return;
  const bool was_established = app_->established_at != 0;
  ended_app_ = std::move(app_);
  why_ended_ = why;
  host_.timer(app_timer, -1);
  host_.timer(refresh_timer, -1);
  refreshing_.clear();
  unasked_.clear();
  to_app_.clear();
  if (!was_established) return;
  app_gone_at_ = now();
  host_.event("the app has gone: it " + why_ended_);
  act(app_gone(holding_, options_.holding, held(), now()));
}

}  // namespace bgp

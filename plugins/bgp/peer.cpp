// Speaker, the part that faces the peer: OPEN, collisions, Established, its UPDATEs and refreshes,
// goodbyes.
#include "speaker.hpp"

namespace bgp {
namespace {

std::optional<std::uint32_t> identifier_of(const ph_addr& address) {
  if (address.family != 4) return std::nullopt;
  return Reader({address.ip, 4}).u32();
}

}  // namespace

// ---- links come
// -------------------------------------------------------------------------------------

void Speaker::peer_up(Connection& c, const ph_link_info& info, bool outgoing) {
  c.outgoing = outgoing;
  c.local = info.local;
  if (!identifier_) identifier_ = identifier_of(info.local);
  if (!identifier_)
    throw ph::Error(PH_INTERNAL,
                    "router_id must be given: the link is not IPv4, so that no identifier can be "
                    "taken from it",
                    PH_EINVAL, PH_RETRY_SLOW);
  c.ours = our_open(c);
  begin(c, !outgoing, outgoing ? 0 : options_.passive_timeout.value_or(0));
}

Open Speaker::our_open(const Connection&) {
  Open open;
  open.as = options_.local_as;
  open.hold_time_s = options_.hold_time_s;
  open.identifier = *identifier_;
  Capabilities& can = open.capabilities;
  can.families = options_.families;
  can.route_refresh = can.enhanced_refresh = options_.route_refresh;
  can.extended_messages = options_.extended_messages;
  if (options_.four_octet_as) can.four_octet_as = options_.local_as;
  if (options_.add_path != 0) {
    for (const Family family : options_.families) can.add_path[family] = options_.add_path;
  }
  can.role = options_.role;
  if (options_.graceful_restart_s) {
    GracefulRestart restart;
    restart.time_s = *options_.graceful_restart_s;
    restart.notification = options_.gr_notification;
    const std::int64_t ago = host_.setting(PH_SET_ESTABLISHED_AGO_MS);
    // RFC 4724 §3: after a restart that the peer may still remember.
    restart.restarting = ago >= 0 && ago < Ms{restart.time_s} * 1000;
    for (const Family family : options_.families)
      restart.families[family] = restart.restarting && options_.forwarding_preserved;
    can.graceful_restart = std::move(restart);
  }
  return open;
}

// The rival has won, and the other connection is gone.
void Speaker::promote(const ph_link_info& info) {
  peer_ = std::move(rival_);
  peer_->link = PH_PEER;
  peer_->role = Connection::Role::peer;
  peer_->local = info.local;
  host_.timer(rival_timer, -1);
  peer_->armed_at = never;
  arm(*peer_);
  if (std::exchange(peer_->established_owed, false)) peer_established();
  host_.read_pause(PH_PEER, false);
}

// ---- OPEN
// -------------------------------------------------------------------------------------------

Speaker::Took Speaker::peer_open(Connection& c, const Open& open) {
  auto agreed = agree(c.ours, open, options_.peer_as);
  if (const auto* wrong = std::get_if<Notification>(&agreed)) {
    c.theirs = open;
    broke(c, Event::open_error, *wrong);
    return Took::over;
  }
  c.theirs = open;
  c.agreed = std::get<Agreement>(std::move(agreed));
  if (!settle_collision(c)) return Took::over;
  input(c, Event::open_received, {}, c.agreed.hold_time_s);
  return c.closing ? Took::over : Took::yes;
}

// RFC 4271 §6.8: an OPEN has come on one of two connections. False: that one goes.
bool Speaker::settle_collision(Connection& c) {
  Connection* other = c.role == Connection::Role::rival ? peer_.get() : rival_.get();
  if (other == nullptr || other->closing) return true;
  Connection* loser = nullptr;
  if (other->is(State::established)) {
    // RFC 4724 §4.2: of a peer that restarts gracefully a new connection says that the old one is
    // dead, and is no collision.
    if (other->agreed.graceful_restart) {
      input(*other, Event::tcp_fails,
            {PH_PEER_RESET, PH_RETRY_NORMAL, "replaced by a new connection of a restarted peer"});
      return true;
    }
    loser = &c;
  } else if (other->is(State::open_confirm)) {
    const bool ours =
        ours_survives(*identifier_, options_.local_as, c.theirs->identifier, c.theirs->as);
    loser = c.outgoing == ours ? other : &c;
    // Two of the same making: the newer one counts.
    if (c.outgoing == other->outgoing) loser = peer_.get();
  } else {
    return true;  // its OPEN will come
  }
  dump(*loser);
  return loser != &c;
}

void Speaker::dump(Connection& loser) {
  const bool before =
      std::exchange(draining_, true);  // closed on purpose: no failure of the session
  input(loser, Event::collision_dump, {PH_ADMIN, PH_RETRY_NORMAL, "another connection is kept"});
  draining_ = before;
}

// ---- Established
// -------------------------------------------------------------------------------------

void Speaker::peer_established() {
  Connection& c = *peer_;
  keeps_ = options_.keep_peer_routes == Options::Keep::always ||
           (options_.keep_peer_routes == Options::Keep::automatic && !c.agreed.route_refresh);
  host_.established();
  // One message must find room, whatever transport.buffer is.
  if (host_.setting(PH_SET_BUFFER) < static_cast<std::int64_t>(c.limit()))
    host_.buffer(PH_PEER, c.limit());
  if (c.agreed.hold_time_s > 0) host_.user_timeout(PH_PEER, Ms{c.agreed.hold_time_s} * 1000);
  std::string families;
  for (const Family family : c.agreed.families)
    families += (families.empty() ? "" : ", ") + to_string(family);
  host_.event("Established with AS " + std::to_string(c.theirs->as) + ", " +
              dotted(c.theirs->identifier) + ": " + families + "; hold time " +
              std::to_string(c.agreed.hold_time_s) + "s");
  end_of_rib_owed_ = {c.agreed.families.begin(), c.agreed.families.end()};
  const auto& restart = c.ours.capabilities.graceful_restart;
  // The router keeps what we announced before our restart until our End-of-RIB: it must not come
  // before the app's routes.
  end_of_rib_waits_ =
      has_app_ && held_.size() == 0 && restart && restart->restarting && c.agreed.graceful_restart;
  if (end_of_rib_waits_) host_.timer(eor_timer, options_.holding.stale_time);
  forget_unspoken();
  announce_all();
  admit_app();
}

Speaker::Took Speaker::peer_update(Connection& c, const Message& message, Batch& batch) {
  const auto parsed = parse_update(message.body());
  if (const auto* wrong = std::get_if<Notification>(&parsed)) {
    pass_to_app(batch);
    broke(c, Event::update_error, *wrong);
    return Took::over;
  }
  const Update& update = std::get<Update>(parsed);
  last_update_ = c.last_input;
  if (keeps_) {
    if (!kept_.apply(update, c.reading().add_path)) {
      pass_to_app(batch);
      broke(c, Event::update_error, {code::update, 10, {}});  // Invalid Network Field
      return Took::over;
    }
    if (kept_.size() > options_.max_routes_kept) {
      host_.log(PH_LOG_WARN, "the peer has more than max_routes_kept = " +
                                 std::to_string(options_.max_routes_kept) +
                                 " routes; the copy is given up");
      keeps_ = false;
      const bool half_told = !to_app_.empty();
      to_app_.clear();
      kept_ = Rib();
      if (half_told) ask_for_table();
    }
  }
  const auto complete = update.end_of_rib();
  if (complete && refreshing_.contains(*complete)) return Took::yes;  // ours will follow
  if (!app_ || !app_->speaks()) {
    ++dropped_updates_;
    return Took::yes;
  }
  put(batch.out, message.whole);
  batch.updates.push_back(update);
  batch.ends.push_back(batch.out.size());
  return Took::yes;
}

// The peer is never made to wait: what an app cannot take is dropped with the app.
bool Speaker::pass_to_app(Batch& batch) {
  if (batch.empty()) return true;
  if (app_ && app_->speaks()) {
    if (host_.send_whole(app_->link, batch.out) > 0) {
      app_->accepted += batch.out.size();
      app_->out[static_cast<std::size_t>(Type::update)] += batch.updates.size();
    } else {
      dismiss_app({code::cease, cease::out_of_resources, {}},
                  "did not read: more than app_backlog waited for it");
    }
  }
  batch.clear();
  return true;
}

Speaker::Took Speaker::peer_refresh(Connection& c, const Message& message) {
  const auto parsed = parse_route_refresh(message);
  if (const auto* wrong = std::get_if<Notification>(&parsed)) {
    broke(c, Event::update_error, *wrong);
    return Took::over;
  }
  const auto& refresh = std::get<RouteRefresh>(parsed);
  const bool app_hears = app_ && app_->speaks();
  if (refresh.kind == RouteRefresh::request) {
    // An app that has not announced everything again yet cannot speak for all that is held, and
    // without RFC 7313 it cannot say where its answer ends, as the peer was promised.
    const bool app_answers = app_hears && app_->agreed.route_refresh && held_.stale() == 0 &&
                             (app_->agreed.enhanced_refresh || !c.agreed.enhanced_refresh) &&
                             send(*app_, message.whole, Type::route_refresh);
    if (!app_answers) answer_refresh(refresh.family);
    return Took::yes;
  }
  if (const auto ours = asked_.find(refresh.family); ours != asked_.end()) {
    // BoRR and EoRR of a refresh of our own, maybe of one for an app that has gone.
    last_update_ = c.last_input;
    if (refresh.kind == RouteRefresh::end && --ours->second == 0) {
      asked_.erase(ours);
      table_complete(refresh.family);
    }
    return Took::yes;
  }
  if (app_hears && app_->agreed.enhanced_refresh) send(*app_, message.whole, Type::route_refresh);
  return Took::yes;
}

// ---- links go
// ---------------------------------------------------------------------------------------

void Speaker::peer_down(const ph_down& why) {
  const bool was_established = peer_ && peer_->established_at != 0;
  peer_.reset();
  host_.timer(peer_timer, -1);
  host_.timer(eor_timer, -1);
  end_of_rib_owed_.clear();
  end_of_rib_waits_ = false;
  asked_.clear();
  to_app_.clear();
  kept_ = Rib();
  // What was being withdrawn is gone at the peer, with all the rest.
  for (Job& job : to_peer_) {
    if (job.kind == Job::Kind::withdraw_stale) {
      while (!job.walk.done())
        held_.withdraw(job.walk, true, max_message, 1024, [](Bytes) { return true; });
    }
  }
  to_peer_.clear();
  letting_go_ = false;
  if (!was_established || !app_) return;
  // The app's session lives only while the link is established.
  end(*app_, {PH_ADMIN, PH_RETRY_NORMAL,
              std::string("was closed, since the link to the peer ended: ") + why.text});
}

// A Cease for the peer. Where N was agreed to and the session is not to return at once it is a hard
// reset, so that the router lets go of the routes (RFC 8538 §3).
Notification Speaker::goodbye(const Connection& c, std::uint8_t subcode,
                              const std::string& text) const {
  const Notification plain = cease_with(subcode, text.empty() ? options_.shutdown_message : text);
  const bool for_good = subcode == cease::admin_shutdown || subcode == cease::peer_deconfigured;
  return for_good && c.agreed.hard_resets ? hard_reset_of(plain) : plain;
}

void Speaker::close_peer(const Notification& notification, const std::string& why) {
  if (!peer_ || peer_->closing) return;
  const Reason reason{PH_APP_UNREACHABLE, PH_RETRY_NORMAL, why};
  input(*peer_, Event::stop, reason, notification);
  end(*peer_, reason);
}

int Speaker::drain(const ph_drain& drain) {
  draining_ = true;
  const std::string text = drain.text != nullptr ? drain.text : "";
  std::uint8_t subcode = cease::admin_shutdown;
  if (drain.why == PH_BYE_RESET) subcode = cease::admin_reset;
  if (drain.why == PH_BYE_CONFIG) subcode = cease::config_change;
  if (drain.why == PH_BYE_REMOVED) subcode = cease::peer_deconfigured;
  for (Connection* c : {peer_.get(), rival_.get()}) {
    if (c == nullptr || c->closing) continue;
    const bool quietly = drain.why == PH_BYE_STOP && options_.graceful_stop &&
                         c->is(State::established) && c->agreed.graceful_restart;
    const Reason reason{PH_ADMIN, PH_RETRY_NORMAL, "we said goodbye"};
    if (!quietly) input(*c, Event::stop, reason, goodbye(*c, subcode, text));
    end(*c, reason);
  }
  draining_ = false;
  return PH_OK;
}

}  // namespace bgp

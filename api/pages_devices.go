package api

import (
	"net/http"

	"github.com/clinivault/clinivault/api/web"
	"github.com/clinivault/clinivault/vault"
)

// devicesBody is the page of one's own devices, and for an administrator of all.
type devicesBody struct {
	Mine, All []vault.Device
	Admin     bool
	State, Q  string
	States    []choice
}

// deviceStates are what all devices are filtered by.
var deviceStates = []choice{{"", "All devices"}, {vault.DevicePending, "Not approved"}, {vault.DeviceApproved, "Approved"}, {vault.DeviceRevoked, "Out of use"}}

func (s *Server) devicesPage(v visit) (sheet, error) {
	body := devicesBody{Admin: v.actor.Has(vault.RoleAdmin), States: deviceStates, State: v.r.URL.Query().Get("state"), Q: v.r.URL.Query().Get("q")}
	var err error
	if body.Mine, err = s.vault.MyDevices(v.ctx, v.actor); err != nil {
		return sheet{}, err
	}
	if body.Admin {
		body.All, err = s.vault.Devices(v.ctx, v.actor, vault.DeviceFilter{State: body.State, Text: body.Q})
	}
	return sheet{name: "devices", title: "Devices", here: "/devices", body: body}, err
}

// enrolPage is public: it is the device's side of adding one. The code is behind the #, which no server is sent.
func (s *Server) enrolPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "enrol", web.View{Title: "Add this device"})
}

// provePage is where a page goes that was asked for with a session whose device has not shown itself for a while.
func (s *Server) provePage(w http.ResponseWriter, r *http.Request) {
	next := safeNext(r.URL.Query().Get("next"))
	if _, ok := s.actor(r); !ok {
		s.toSignIn(w, r)
		return
	}
	s.show(w, r, http.StatusOK, "prove", web.View{Title: "One moment", Page: struct{ Next string }{next}})
}

"""Small pages with the markup of docs/front-end.md, served under the real policy and within the real base template."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import engines
from django.urls import path

from config.urls import urlpatterns as portal

if TYPE_CHECKING:
    from collections.abc import Callable

MAP = """
<h1>Where is your home?</h1>
<form method="post">
  <p><label for="id_lat">Latitude</label><input id="id_lat" inputmode="decimal" value="{{ request.GET.lat }}"></p>
  <p><label for="id_lng">Longitude</label><input id="id_lng" inputmode="decimal" value="{{ request.GET.lng }}"></p>
  <input type="hidden" id="id_source" value="vendor">
  <div id="edited" data-map hidden data-latitude-input="#id_lat" data-longitude-input="#id_lng"
       data-source-input="#id_source" data-land="{% static 'vendor/world-atlas-2.0.2/countries-50m.json' %}"
       data-tiles="" data-attribution="" data-label="Map" data-pin="Your home" data-zoom-in="Zoom in"
       data-zoom-out="Zoom out" data-placed="The pin is at {position}.">
    <div class="map" data-map-canvas></div>
    <div class="buttons">
      <button type="button" class="plain" data-map-center>Put the pin in the middle of the map</button>
      <button type="button" class="plain" data-geolocate hidden data-waiting="Asking your browser…"
              data-found="Found. Is the pin on your roof?" data-denied="Your browser may not tell us."
              data-failed="Your browser does not know.">Use my position</button>
    </div>
    <p role="status" data-map-status></p>
  </div>
</form>
<h2>The cottage</h2>
<div id="shown" data-map hidden data-latitude="59.33" data-longitude="18.07" data-label="Map of the cottage"
     data-land="{% static 'vendor/world-atlas-2.0.2/countries-50m.json' %}" data-pin="The cottage"
     data-zoom-in="Zoom in" data-zoom-out="Zoom out"><div class="map" data-map-canvas></div></div>
"""

WALLET = """
<h1>Your wallet</h1>
<form method="post" data-wallet data-challenge-url="/widgets/challenge/" data-address="#id_address"
      data-message="#id_message" data-signature="#id_signature" data-submit="#prove" data-connect="Connect {wallet}"
      data-waiting="Look at your wallet." data-declined="Your wallet said no." data-failed="Please try again.">
  {% csrf_token %}
  <div class="buttons" data-wallet-list></div>
  <p role="status" data-wallet-status></p>
  <p><label for="id_address">Address</label><input id="id_address" name="address"></p>
  <button type="button" class="plain" data-scan="#id_address" hidden data-title="Scan the code of your wallet"
          data-cancel="Cancel" data-denied="The camera may not be used.">Scan a code</button>
  <p><label for="id_message">Message</label><textarea id="id_message" name="message"></textarea></p>
  <p><label for="id_signature">Signature</label><input id="id_signature" name="signature"></p>
  <button>Later</button> <button id="prove" name="prove" value="1">This is mine</button>
</form>
<p><code id="link">https://portal.example/join/sunny/</code>
<button type="button" class="plain" data-copy="#link" data-copied="Copied" hidden>Copy</button></p>
"""

CHARTS = """
<h1>Today</h1>
{% for kind in kinds %}
<figure data-chart data-src="/widgets/{{ kind }}.json"><figcaption>{{ kind|capfirst }}</figcaption>
  <details><summary>As a table</summary><table><tr><th scope="col">Time</th><th scope="col">kW</th></tr>
    <tr><td>12:00</td><td>1.2</td></tr></table></details></figure>
{% endfor %}
"""

PROGRESS = """
<h1>Almost there</h1>
<div id="state" data-progress aria-live="polite"{% if looks > 2 %} data-done{% endif %}>
  <p>Looked {{ looks }} times.</p> <a href="">Look again</a></div>
"""

CLASSES = """
<ol class="steps"><li class="done"><a href="#main">Welcome</a></li><li class="done"><a href="#main">Account</a></li>
  <li aria-current="step"><span>Your brand</span></li>
  {% for name in "123456" %}<li><span>Step</span></li>{% endfor %}</ol>
<h1>Which brand do you have?</h1>
<div class="notice warn"><p>Some homes are waiting. <a href="#main">Look at them</a></p></div>
<div class="notice bad" role="alert"><p>The brand refused the key.</p></div><p class="message success">Saved.</p>
<form method="post">
  <fieldset class="plain"><legend>Brands</legend><ul class="cards">{% for name in "ABC" %}<li><label>
    <input type="radio" name="brand" value="{{ name }}"{% if name == "B" %} checked{% endif %}>
    <svg viewBox="0 0 40 40" aria-hidden="true"><rect width="40" height="40" fill="#146c2e"/></svg>
    <strong>SolarBrand {{ name }}</strong><small><span class="badge good">works</span></small>
  </label></li>{% endfor %}</ul></fieldset>
  <fieldset><legend>What is shared</legend><label class="check"><input type="checkbox" checked><span>Solar power and
  energy <span class="helptext">Every five minutes.</span></span></label>
  <label class="check"><input type="checkbox"><span>Battery</span></label></fieldset>
  <p><label for="id_key">Key</label><input id="id_key" aria-invalid="true" value="abc"></p>
  <div class="buttons"><button>Go on</button><button class="plain">Later</button><button class="danger">Delete</button>
  <button class="danger plain">Stop</button></div>
</form>
<div class="columns">
  <section><h2>Now</h2><ul class="tiles"><li><span class="figure">2.1 kW</span><small>producing</small></li>
    <li><span class="figure">0.8 kW</span><small>charging, 64 %</small></li>
    <li><span class="figure">0.3 kW</span><small>importing</small></li></ul>
    <p><span class="badge good">Sending</span> <span class="badge warn">Late</span> <span class="badge">Beta</span>
    <span class="badge bad">Stopped</span> <span class="quiet">7 minutes ago</span></p></section>
  <section><h2>Home</h2><dl class="facts">
    <div><dt>Wallet</dt><dd>Bygcy876b3bsjMvvhZxghvs3EyR5y6a7vpvAp5D62n2w</dd></div>
    <div><dt>Last sent</dt><dd>today at 12:05</dd></div></dl></section>
</div>
"""

SENT = "<h1>Sent</h1><pre>{{ sent }}</pre>"

LOADED = {"map": "map", "wallet": "wallet qr copy", "charts": "charts", "progress": "progress", "classes": ""}
MARKUP = {"map": MAP, "wallet": WALLET, "charts": CHARTS, "progress": PROGRESS, "classes": CLASSES}
FIGURES = {
    "lines": {
        "kind": "lines",
        "timezone": "Europe/Stockholm",
        "unit": "kW",
        "times": [1_792_879_200 + 900 * quarter for quarter in range(100)],  # 25 October 2026 has 25 hours there
        "series": [
            {"label": "Solar", "values": [None if 40 < q < 46 else max(0, 50 - abs(q - 50)) / 10 for q in range(100)]},
            {"label": "Battery", "values": [(q % 30) / 10 - 1 for q in range(100)]},
        ],
    },
    "bars": {
        "kind": "bars",
        "timezone": "Europe/Stockholm",
        "unit": "kWh",
        "times": [1_790_805_600 + 86_400 * day for day in range(24)],
        "series": [
            {"label": "Charged", "values": [day % 7 + 1 for day in range(24)]},
            {"label": "Discharged", "values": [day % 5 + 0.5 for day in range(24)]},
        ],
    },
}


def page(request: HttpRequest, name: str) -> HttpResponse:
    looks = int(request.COOKIES.get("looks", 0)) + 1
    scripts = "".join(f'{{% include "assets/{part}.html" %}}' for part in LOADED[name].split())
    blocks = {
        "head_title": "Widgets",
        "extra_head": scripts,
        "content": SENT if request.POST else MARKUP[name],
    }
    text = '{% extends "base.html" %}{% load static %}'
    text += "".join(f"{{% block {block} %}}{content}{{% endblock %}}" for block, content in blocks.items())
    context = {"sent": json.dumps(request.POST.dict()), "looks": looks, "kinds": list(FIGURES)}
    response = HttpResponse(engines["django"].from_string(text).render(context, request))
    response.set_cookie("looks", str(looks))
    return response


def figures(_: HttpRequest, kind: str) -> HttpResponse:
    return JsonResponse(FIGURES[kind])


def challenge(request: HttpRequest) -> HttpResponse:
    if request.POST["address"] == "known":
        return JsonResponse({"error": "This wallet belongs to another home."}, status=409)
    return JsonResponse({"message": f"Sign åt {request.POST['address']}"})


def _named(name: str) -> Callable[[HttpRequest], HttpResponse]:
    return lambda request: page(request, name)


urlpatterns = [
    path("widgets/challenge/", challenge),
    *(path(f"widgets/{name}/", _named(name)) for name in MARKUP),
    path("widgets/<kind>.json", figures),
    *portal,
]

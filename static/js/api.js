// The API's try-it page. A token stays in this window and is gone with it.
"use strict";

const place = document.getElementById("api");
window.SwaggerUIBundle({
    domNode: place,
    url: place.dataset.schema,
    oauth2RedirectUrl: new URL(place.dataset.back, window.location.href).href,
    deepLinking: true,
    docExpansion: "none",
    persistAuthorization: false,
    validatorUrl: null,
});

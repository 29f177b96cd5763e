// @ts-check
// Loads the page again while a photo is still being prepared.

const list = document.getElementById('captures');
if (list?.dataset.moving === 'true') {
  const again = () => {
    if (document.hidden) setTimeout(again, 5000);
    else location.reload();
  };
  setTimeout(again, 5000);
}

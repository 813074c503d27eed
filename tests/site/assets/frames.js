// Inside the two frames: choosing a shop, and telling the payment page about a gift card.

document.querySelectorAll('[data-shop]').forEach((button) => {
  button.addEventListener('click', () => {
    document.getElementById('picked').textContent = `You will collect from ${button.dataset.shop}.`;
  });
});

const { gift } = document.body.dataset;
if (gift !== undefined && parent !== window) parent.postMessage({ gift: Number(gift) }, '*');
